import { access } from 'node:fs/promises'
import { type ErrorCode, TuskerError } from '../../../core/errors.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'ERR_OBJECT_NOT_FOUND',
  EISDIR: 'ERR_OBJECT_NOT_FOUND',
  ENOTDIR: 'ERR_OBJECT_NOT_FOUND',
  // A symbolic link where a file should be: they are not followed.
  ELOOP: 'ERR_OBJECT_NOT_FOUND',
  ENAMETOOLONG: 'ERR_INVALID_KEY',
  ENOSPC: 'ERR_STORAGE_FULL',
  EDQUOT: 'ERR_STORAGE_FULL',
  EFBIG: 'ERR_STORAGE_FULL',
  EACCES: 'ERR_STORAGE_REJECTED',
  EPERM: 'ERR_STORAGE_REJECTED',
  EROFS: 'ERR_STORAGE_REJECTED',
  EEXIST: 'ERR_STORAGE_REJECTED',
  ENOTEMPTY: 'ERR_STORAGE_REJECTED',
  EMFILE: 'ERR_STORAGE_UNAVAILABLE',
  ENFILE: 'ERR_STORAGE_UNAVAILABLE',
  ENOMEM: 'ERR_STORAGE_UNAVAILABLE',
  EIO: 'ERR_STORAGE_UNAVAILABLE',
  EBUSY: 'ERR_STORAGE_UNAVAILABLE',
  // A network file system whose server is away.
  ESTALE: 'ERR_STORAGE_UNAVAILABLE',
  ENOTCONN: 'ERR_STORAGE_UNAVAILABLE',
  EHOSTDOWN: 'ERR_STORAGE_UNAVAILABLE',
  ABORT_ERR: 'ERR_STORAGE_UNAVAILABLE',
}

/** To a writer these do not mean that something is missing: a file or a folder is where the other would have to be. */
const IN_THE_WAY = new Set(['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY'])

/** An error of the file system in our words; the path stays in the cause, for the log. */
export function toStorageError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TuskerError) return error
  const code = CODES[errnoOf(error) ?? '']
  return code === undefined ? error : new TuskerError(code, { cause: error })
}

/** `ENOENT` and the like. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Runs `work` in the directory `root` and translates what it fails with. If the directory itself is missing (not
 * mounted, removed), nothing in it is called missing: clients that hear that an upload is not there start from zero.
 */
export async function translated<Result>(root: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') await requireDirectory(root)
    throw toStorageError(error)
  }
}

/** The same for work that creates files. */
export async function translatedWrite<Result>(root: string, work: () => Promise<Result>): Promise<Result> {
  return await translated(root, async () => {
    try {
      return await work()
    } catch (error) {
      throw IN_THE_WAY.has(errnoOf(error) ?? '')
        ? new TuskerError('ERR_STORAGE_REJECTED', { cause: error })
        : error
    }
  })
}

/** @throws TuskerError ERR_STORAGE_UNAVAILABLE if the location's directory is not there, whatever its permissions */
export async function requireDirectory(root: string, mode?: number): Promise<void> {
  try {
    await access(root, mode)
  } catch (error) {
    throw errnoOf(error) === 'ENOENT'
      ? new TuskerError('ERR_STORAGE_UNAVAILABLE', { cause: error })
      : toStorageError(error)
  }
}
