import { constants } from 'node:fs'
import { lstat, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TuskerError } from '../../../core/errors.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import { type UploadInfo, isFinal } from '../../../core/upload.ts'
import { syncDirectory, withFile } from './durable-file.ts'
import { discardUnverified } from './unverified-bytes.ts'
import { errnoOf, toStorageError } from './errors.ts'

/** Where the files of one upload are. */
export interface UploadFiles {
  readonly directory: string
  /** The finished object. */
  readonly object: string
  /** The bytes of an upload that is not finished. */
  readonly part: string
  readonly record: string
  /** There while a body is being written that may turn out wrong: the size that counts until it is verified. */
  readonly unverified: string
  /** Empty files that tell something of an upload to whoever lists the directory; their date is when it came about. */
  readonly marks: Readonly<Record<UploadMark, string>>
}

/** It is to become a piece of another; it became one; it is a final upload that waits for its pieces. */
export type UploadMark = 'partial' | 'used' | 'pending'

export function uploadFiles(directory: string, id: UploadId): UploadFiles {
  const object = join(directory, id)
  return {
    directory,
    object,
    part: `${object}.part`,
    record: `${object}.info`,
    unverified: `${object}.unverified`,
    marks: { partial: `${object}.partial`, used: `${object}.used`, pending: `${object}.pending` },
  }
}

/** What the disk holds of an upload. */
export interface StoredBytes {
  readonly isComplete: boolean
  readonly bytes: number
  /** When they were last written. */
  readonly writtenAt: Date
}

/**
 * Looks at the disk; the bytes that it tells of are flushed.
 * @throws TuskerError ERR_UPLOAD_GONE if there is no file; ERR_UPLOAD_DAMAGED if its size can't be that of the upload
 */
export async function findStoredBytes(files: UploadFiles, info: UploadInfo): Promise<StoredBytes> {
  const { id, lengthBytes } = info
  const { object, part } = files
  const whole = await findFile(object)
  // What an attempt left of a final upload says nothing of the next one.
  if (whole === undefined && isFinal(info)) return { isComplete: false, bytes: 0, writtenAt: info.createdAt }
  if (whole === undefined) await discardUnverified(files)
  const found = whole ?? (await findFlushed(part))
  if (found === undefined) throw new TuskerError('ERR_UPLOAD_GONE', { details: { id } })
  const isComplete = whole !== undefined
  const bytes = found.sizeBytes
  // No length is known of a final upload whose pieces were not finished when it was recorded.
  const wholeBytes = isFinal(info) ? (lengthBytes ?? bytes) : lengthBytes
  const isSound = isComplete ? bytes === wholeBytes : bytes <= (lengthBytes ?? Number.MAX_SAFE_INTEGER)
  if (!isSound) {
    throw new TuskerError('ERR_UPLOAD_DAMAGED', { details: { id, lengthBytes, bytes, isComplete } })
  }
  return { isComplete, bytes, writtenAt: found.modifiedAt }
}

/**
 * A process that was killed leaves bytes that are in the file, but maybe not on the disk yet: they are an offset that
 * may be acknowledged only once they are.
 */
async function findFlushed(part: string): Promise<FoundFile | undefined> {
  if ((await findFile(part)) === undefined) return undefined
  return await withFile(part, constants.O_RDONLY | constants.O_NOFOLLOW, async (file) => {
    await file.datasync()
    const { size, mtime } = await file.stat()
    return { sizeBytes: size, modifiedAt: mtime }
  })
}

interface FoundFile {
  readonly sizeBytes: number
  readonly modifiedAt: Date
}

/** Size and date of a file, undefined if there is none; a symbolic link is none. */
export async function findFile(path: string): Promise<FoundFile | undefined> {
  try {
    const stats = await lstat(path)
    return stats.isFile() ? { sizeBytes: stats.size, modifiedAt: stats.mtime } : undefined
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw toStorageError(error)
  }
}

/** Removes every file of an upload; a removal that broke off can be repeated. */
export async function removeFiles(files: UploadFiles): Promise<void> {
  const { directory, object, part, record, unverified, marks } = files
  for (const path of [object, part, unverified, ...Object.values(marks)]) await rm(path, { force: true })
  await syncDirectory(directory)
  // Last: bytes without a record would never be found again.
  await rm(record, { force: true })
  await syncDirectory(directory)
}
