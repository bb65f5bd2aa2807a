import { TuskerError, toTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import { objectContentType } from './content-type.ts'
import {
  type MultipartUpload,
  type StoredPart,
  completeMultipartUpload,
  uploadPart,
} from './multipart-calls.ts'
import { findObject, putObject } from './object-calls.ts'
import { NO_PROGRESS, partsEndBytes } from './upload-progress.ts'
import type { UploadState } from './upload-state.ts'
import { deleteTail } from './upload-tail.ts'

/**
 * Makes the object of an upload whose bytes are all there: in its parts, and `lastBytes` after them. One that has no
 * parts becomes a single PutObject.
 * @throws TuskerError ERR_UPLOAD_DAMAGED if the bytes are not as many as the upload's length.
 */
export async function finishUpload(
  bucket: S3Bucket,
  state: UploadState,
  lastBytes: Buffer,
  options: CallOptions,
): Promise<UploadState> {
  const { record, progress } = state
  const { id, lengthBytes, metadata } = record.info
  requireLength(partsEndBytes(progress) + lastBytes.byteLength, lengthBytes)
  if (progress.parts.length === 0 || record.multipartId === undefined) {
    await putObject(bucket, id, lastBytes, { contentType: objectContentType(metadata), ...options })
  } else {
    const multipart = { key: id, uploadId: record.multipartId }
    const parts = [...progress.parts, ...(await lastPart(bucket, multipart, state, lastBytes, options))]
    await complete(bucket, multipart, parts, options)
  }
  if (progress.hasTailObject) await deleteTail(bucket, id, options)
  return { record, progress: { ...NO_PROGRESS, isComplete: true } }
}

function requireLength(storedBytes: number, lengthBytes: number | undefined): void {
  if (storedBytes !== lengthBytes) {
    throw new TuskerError('ERR_UPLOAD_DAMAGED', { details: { storedBytes, lengthBytes } })
  }
}

async function lastPart(
  bucket: S3Bucket,
  multipart: MultipartUpload,
  { progress }: UploadState,
  body: Buffer,
  options: CallOptions,
): Promise<StoredPart[]> {
  if (body.byteLength === 0) return []
  return [await uploadPart(bucket, multipart, { partNumber: progress.parts.length + 1, body }, options)]
}

/**
 * Completes, then looks at the object: an error can hide a success (the answer got lost, and the next try says
 * NoSuchUpload), and only the object's size proves one.
 */
async function complete(
  bucket: S3Bucket,
  multipart: MultipartUpload,
  parts: readonly StoredPart[],
  options: CallOptions,
): Promise<void> {
  const failure = await completeMultipartUpload(bucket, multipart, parts, options).then(
    () => undefined,
    (error: unknown) => toTuskerError(error),
  )
  const object = await findObject(bucket, multipart.key, options)
  if (object?.sizeBytes === partsEndBytes({ parts })) return
  // "Not found" of the multipart upload with no object there: it was aborted behind our back.
  if (failure?.code === 'ERR_OBJECT_NOT_FOUND') throw new TuskerError('ERR_UPLOAD_GONE', { cause: failure })
  throw (
    failure ??
    new TuskerError('ERR_UPLOAD_DAMAGED', { details: { key: multipart.key, size: object?.sizeBytes } })
  )
}
