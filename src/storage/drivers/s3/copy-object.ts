import {
  CopyObjectCommand,
  UploadPartCopyCommand,
  type UploadPartCopyCommandOutput,
} from '@aws-sdk/client-s3'
import { TuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import {
  type MultipartUpload,
  type StoredPart,
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
} from './multipart-calls.ts'
import { headObject } from './object-calls.ts'

export interface CopyLimits {
  /** CopyObject takes no more than 5 GiB (S3 API reference, CopyObject). */
  readonly maxSingleCopyBytes: number
  readonly copyPartBytes: number
}

export const AWS_COPY_LIMITS: CopyLimits = {
  maxSingleCopyBytes: 5 * 1024 ** 3,
  copyPartBytes: 1024 ** 3,
}

/** Copies inside the bucket, on the server's side, an object of any size. @throws TuskerError ERR_OBJECT_NOT_FOUND */
export async function copyObject(
  bucket: S3Bucket,
  { from, to }: { readonly from: string; readonly to: string },
  limits: CopyLimits,
  options: CallOptions = {},
): Promise<void> {
  const { sizeBytes, contentType } = await headObject(bucket, from, options)
  if (sizeBytes > limits.maxSingleCopyBytes) {
    const multipart = await createMultipartUpload(bucket, to, { contentType, ...options })
    await copyInParts(bucket, { from, multipart, sizeBytes }, limits, options)
    return
  }
  const command = new CopyObjectCommand({
    ...bucket.creationHeaders,
    Bucket: bucket.name,
    Key: bucket.fullKey(to),
    CopySource: copySource(bucket, from),
  })
  await bucket.call('CopyObject', from, (client, call) => client.send(command, call), options)
}

interface ObjectCopy {
  readonly from: string
  readonly multipart: MultipartUpload
  readonly sizeBytes: number
}

export interface PartCopy {
  readonly partNumber: number
  readonly from: string
  /** Both included; the whole object if undefined: AWS copies ranges only of objects of more than 5 MB. */
  readonly range?: { readonly start: number; readonly end: number } | undefined
  readonly sizeBytes: number
}

async function copyInParts(
  bucket: S3Bucket,
  { from, multipart, sizeBytes }: ObjectCopy,
  { copyPartBytes }: CopyLimits,
  options: CallOptions,
): Promise<void> {
  const parts: StoredPart[] = []
  try {
    for (let start = 0; start < sizeBytes; start += copyPartBytes) {
      const end = Math.min(start + copyPartBytes, sizeBytes) - 1
      const part = { partNumber: parts.length + 1, from, range: { start, end }, sizeBytes: end - start + 1 }
      parts.push(await copyPart(bucket, multipart, part, options))
    }
    await completeMultipartUpload(bucket, multipart, parts, options)
  } catch (error) {
    await abortMultipartUpload(bucket, multipart).catch(() => undefined)
    throw error
  }
}

/** Makes a part of an object in the same bucket, or of a range of it. @throws TuskerError ERR_OBJECT_NOT_FOUND */
export async function copyPart(
  bucket: S3Bucket,
  multipart: MultipartUpload,
  { partNumber, from, range, sizeBytes }: PartCopy,
  options: CallOptions,
): Promise<StoredPart> {
  const command = new UploadPartCopyCommand({
    Bucket: bucket.name,
    Key: bucket.fullKey(multipart.key),
    UploadId: multipart.uploadId,
    PartNumber: partNumber,
    CopySource: copySource(bucket, from),
    ...(range && { CopySourceRange: `bytes=${range.start}-${range.end}` }),
  })
  const output = await bucket.call(
    'UploadPartCopy',
    from,
    (client, call) => client.send(command, call),
    options,
  )
  return { partNumber, sizeBytes, etag: etagOf(output) }
}

function etagOf({ CopyPartResult }: UploadPartCopyCommandOutput): string {
  if (CopyPartResult?.ETag === undefined) {
    throw new TuskerError('ERR_STORAGE_UNAVAILABLE', { details: { reason: 'an answer without ETag' } })
  }
  return CopyPartResult.ETag
}

/** The SDK sends CopySource as it is: without encoding, a space or an umlaut in a key breaks the copy. */
function copySource(bucket: S3Bucket, key: string): string {
  const encoded = bucket.fullKey(key).split('/').map(encodeURIComponent).join('/')
  return `${bucket.name}/${encoded}`
}
