import { isTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import { isFinal } from '../../../core/upload.ts'
import type { S3Bucket } from './bucket.ts'
import { objectContentType } from './content-type.ts'
import { type MultipartUpload, abortMultipartUpload, createMultipartUpload } from './multipart-calls.ts'
import { minPartBytes } from './part-plan.ts'
import { type UploadRecord, readRecord, writeRecord } from './upload-record.ts'
import type { UploadContext, UploadState } from './upload-state.ts'

/**
 * Writes an upload down. What may need more than one part gets its multipart upload at once: its id must be in the
 * first record, since a write of that, given up as timed out, could still arrive after a second one and undo it.
 */
export async function recordUpload(
  { bucket, partSizeBytes }: Pick<UploadContext, 'bucket' | 'partSizeBytes'>,
  state: UploadState,
  options: CallOptions,
): Promise<UploadState> {
  if (state.isRecorded) return state
  const { record } = state
  const { lengthBytes } = record.info
  // A final upload is copied, but for what is too small for a part.
  const wholeBytes = isFinal(record.info) ? minPartBytes(partSizeBytes) : partSizeBytes
  const needsParts = lengthBytes === undefined || lengthBytes > wholeBytes
  if (needsParts) return { ...state, record: await startMultipart(bucket, record, options), isRecorded: true }
  await writeRecord(bucket, record, options)
  return { ...state, isRecorded: true }
}

export type MultipartRecord = UploadRecord & { readonly multipartId: string }

/** Creates the multipart upload and writes down its id: an upload whose record names none has no parts. */
export async function startMultipart(
  bucket: S3Bucket,
  record: UploadRecord,
  options: CallOptions,
): Promise<MultipartRecord> {
  const contentType = objectContentType(record.info.metadata)
  const multipart = await createMultipartUpload(bucket, record.info.id, {
    contentType,
    // Not every server gives back the checksum of a part that it copied, which Complete would have to repeat.
    withChecksums: !isFinal(record.info),
    ...options,
  })
  const { uploadId: multipartId, checksumAlgorithm } = multipart
  const started = { ...record, multipartId, checksumAlgorithm }
  try {
    await writeRecord(bucket, started, options)
  } catch (error) {
    if (!(await wasWritten(bucket, record, multipart))) throw error
  }
  return started
}

/**
 * The write failed, but its answer may only have got lost: the multipart upload is given up only if the record is
 * known not to name it. Where that can't be known it is left alone; empty, it costs nothing.
 */
async function wasWritten(
  bucket: S3Bucket,
  { info }: UploadRecord,
  multipart: MultipartUpload,
): Promise<boolean> {
  try {
    const found = await readRecord(bucket, info.id)
    if (found.multipartId === multipart.uploadId) return true
  } catch (error) {
    if (!isTuskerError(error, 'ERR_UPLOAD_NOT_FOUND')) return false
  }
  await abortMultipartUpload(bucket, multipart).catch(() => undefined)
  return false
}
