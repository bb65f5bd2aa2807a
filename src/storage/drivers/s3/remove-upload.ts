import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import { abortMultipartUpload } from './multipart-calls.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import { isFinal } from '../../../core/upload.ts'
import { deleteObject } from './object-calls.ts'
import { type UploadRecord, recordKey } from './upload-record.ts'
import { deleteMarks } from './upload-marks.ts'
import { MAX_TAIL_PIECES, deleteTail, findFirstPiece } from './upload-tail.ts'

/** Removes parts, object, tail, marks and, last, the record: as long as that is there, a removal that broke off can be repeated. */
export async function removeUpload(
  bucket: S3Bucket,
  { info, multipartId }: UploadRecord,
  options: CallOptions,
): Promise<void> {
  const { id } = info
  if (multipartId !== undefined)
    await abortMultipartUpload(bucket, { key: id, uploadId: multipartId }, options)
  await Promise.all([
    deleteObject(bucket, id, options),
    isFinal(info) ? undefined : removeTail(bucket, id, options),
    deleteMarks(bucket, id, info, options),
  ])
  await deleteObject(bucket, recordKey(id), options)
}

async function removeTail(bucket: S3Bucket, id: UploadId, options: CallOptions): Promise<void> {
  const first = await findFirstPiece(bucket, id, options)
  await deleteTail(bucket, id, first === undefined ? 0 : MAX_TAIL_PIECES, options)
}
