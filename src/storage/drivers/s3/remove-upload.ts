import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import { abortMultipartUpload } from './multipart-calls.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import { deleteObject } from './object-calls.ts'
import { type UploadRecord, recordKey } from './upload-record.ts'
import { MAX_TAIL_PIECES, deleteTail, findFirstPiece } from './upload-tail.ts'

/** Removes parts, object, tail and, last, the record: as long as that is there, a removal that broke off can be repeated. */
export async function removeUpload(
  bucket: S3Bucket,
  { info: { id }, multipartId }: UploadRecord,
  options: CallOptions,
): Promise<void> {
  if (multipartId !== undefined)
    await abortMultipartUpload(bucket, { key: id, uploadId: multipartId }, options)
  await Promise.all([deleteObject(bucket, id, options), removeTail(bucket, id, options)])
  await deleteObject(bucket, recordKey(id), options)
}

async function removeTail(bucket: S3Bucket, id: UploadId, options: CallOptions): Promise<void> {
  const first = await findFirstPiece(bucket, id, options)
  await deleteTail(bucket, id, first === undefined ? 0 : MAX_TAIL_PIECES, options)
}
