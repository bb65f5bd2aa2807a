import { TuskerError, toTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { Payload } from '../../buffers/payload.ts'
import type { S3Bucket } from './bucket.ts'
import type { RunningChecksum } from './checksum.ts'
import { objectContentType } from './content-type.ts'
import {
  type MultipartUpload,
  type StoredPart,
  abortMultipartUpload,
  completeMultipartUpload,
} from './multipart-calls.ts'
import { findObject } from './object-calls.ts'
import { objectRecordOf } from './object-record.ts'
import { putObject, uploadPart } from './payload-calls.ts'
import { COMPLETE, partsEndBytes } from './upload-progress.ts'
import { writeRecord } from './upload-record.ts'
import type { UploadState } from './upload-state.ts'
import { clearTail } from './upload-tail.ts'

/** What comes after the parts. */
export interface LastBytes {
  readonly payload: Payload
  readonly running?: RunningChecksum | undefined
}

/**
 * Makes the object of an upload whose bytes are all there: in its parts, and `last` after them. One that has no parts
 * becomes a single PutObject.
 * @throws TuskerError ERR_UPLOAD_DAMAGED if the bytes are not as many as the upload's length.
 */
export async function finishUpload(
  bucket: S3Bucket,
  state: UploadState,
  last: LastBytes,
  options: CallOptions,
): Promise<UploadState> {
  const { record, progress } = state
  const { id, lengthBytes } = record.info
  requireLength(partsEndBytes(progress) + last.payload.sizeBytes, lengthBytes)
  const multipart = multipartOf(state)
  if (multipart === undefined || lengthBytes === 0) {
    await putWhole(bucket, state, last, options)
    // A multipart upload can't make an empty object of no parts.
    if (multipart) await abortMultipartUpload(bucket, multipart, options)
  } else {
    const parts = [...progress.parts, ...(await lastPart(bucket, multipart, state, last, options))]
    await completeChecked(bucket, multipart, parts, options)
  }
  await clearTail(bucket, id, progress.tailObjects, options)
  return { record, isRecorded: true, progress: { ...COMPLETE, storedAtMs: Date.now() } }
}

function requireLength(storedBytes: number, lengthBytes: number | undefined): void {
  if (storedBytes !== lengthBytes) {
    throw new TuskerError('ERR_UPLOAD_DAMAGED', { details: { storedBytes, lengthBytes } })
  }
}

/** Undefined for an upload that needs none. */
function multipartOf({ record }: UploadState): MultipartUpload | undefined {
  const { info, multipartId, checksumAlgorithm } = record
  if (multipartId === undefined) return undefined
  return { key: info.id, uploadId: multipartId, checksumAlgorithm }
}

/** An upload that was not written down so far carries its record itself, if it fits. */
async function putWhole(
  bucket: S3Bucket,
  { record, isRecorded }: UploadState,
  { payload, running }: LastBytes,
  options: CallOptions,
): Promise<void> {
  const contentType = objectContentType(record.info.metadata)
  const metadata = isRecorded ? undefined : objectRecordOf(record.info)
  if (!isRecorded && metadata === undefined) await writeRecord(bucket, record, options)
  await putObject(bucket, record.info.id, payload, { contentType, metadata, running, ...options })
}

async function lastPart(
  bucket: S3Bucket,
  multipart: MultipartUpload,
  { progress }: UploadState,
  { payload, running }: LastBytes,
  options: CallOptions,
): Promise<StoredPart[]> {
  if (payload.sizeBytes === 0) return []
  const partNumber = progress.parts.length + 1
  return [await uploadPart(bucket, multipart, { partNumber, payload, running }, options)]
}

/**
 * Completes, then looks at the object: an error can hide a success (the answer got lost, and the next try says
 * NoSuchUpload), and only the object's size proves one.
 */
export async function completeChecked(
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
