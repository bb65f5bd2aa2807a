import { type ErrorCode, TuskerError } from '../../../core/errors.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'ERR_OBJECT_NOT_FOUND',
  EISDIR: 'ERR_OBJECT_NOT_FOUND',
  ENOTDIR: 'ERR_OBJECT_NOT_FOUND',
  ENAMETOOLONG: 'ERR_INVALID_KEY',
  ENOSPC: 'ERR_STORAGE_FULL',
  EDQUOT: 'ERR_STORAGE_FULL',
  EFBIG: 'ERR_STORAGE_FULL',
  EACCES: 'ERR_STORAGE_REJECTED',
  EPERM: 'ERR_STORAGE_REJECTED',
  EROFS: 'ERR_STORAGE_REJECTED',
  EMFILE: 'ERR_STORAGE_UNAVAILABLE',
  ENFILE: 'ERR_STORAGE_UNAVAILABLE',
  EIO: 'ERR_STORAGE_UNAVAILABLE',
  ABORT_ERR: 'ERR_STORAGE_UNAVAILABLE',
}

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

/** Runs `work` and translates what it fails with. */
export async function translated<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw toStorageError(error)
  }
}
