import type { CallOptions } from '../../../core/upload-store.ts'
import { type UploadInfo, isFinal, isPartial } from '../../../core/upload.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import type { S3Bucket } from './bucket.ts'
import { deleteObject } from './object-calls.ts'
import { putObject } from './payload-calls.ts'

/**
 * Empty objects beside an upload that tell something of it to whoever lists the bucket, who then need not read its
 * record: `<id>.partial`, it is to become a piece of another; `<id>.used`, it became one, when it was last written;
 * `<id>.pending`, a final upload that waits for its pieces.
 */
export type UploadMark = 'partial' | 'used' | 'pending'

const ALL_MARKS = ['partial', 'used', 'pending'] as const

export async function putMark(
  bucket: S3Bucket,
  id: UploadId,
  mark: UploadMark,
  options: CallOptions = {},
): Promise<void> {
  await putObject(bucket, markKey(id, mark), '', options)
}

export async function deleteMark(
  bucket: S3Bucket,
  id: UploadId,
  mark: UploadMark,
  options: CallOptions = {},
): Promise<void> {
  await deleteObject(bucket, markKey(id, mark), options)
}

/** Removes every mark that the upload can have; any, if nothing is known of it. */
export async function deleteMarks(
  bucket: S3Bucket,
  id: UploadId,
  info: UploadInfo | undefined,
  options: CallOptions = {},
): Promise<void> {
  await Promise.all(marksOf(info).map(async (mark) => await deleteMark(bucket, id, mark, options)))
}

function marksOf(info: UploadInfo | undefined): readonly UploadMark[] {
  if (info === undefined) return ALL_MARKS
  if (isFinal(info)) return ['pending']
  return isPartial(info) ? ['partial', 'used'] : []
}

function markKey(id: UploadId, mark: UploadMark): string {
  return `${id}.${mark}`
}
