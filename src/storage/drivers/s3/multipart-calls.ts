import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
} from '@aws-sdk/client-s3'
import { isTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import { CHECKSUM_ELEMENTS } from './checksum.ts'
import { required } from './errors.ts'
import { listParts } from './list-parts.ts'
import type { ChecksumAlgorithm } from './options.ts'

/** A multipart upload in progress: the object it will become, and S3's id of it. */
export interface MultipartUpload {
  readonly key: string
  readonly uploadId: string
  /** What every part of it carries, and Complete has to repeat; fixed when it is created. */
  readonly checksumAlgorithm?: ChecksumAlgorithm | undefined
}

export interface StoredPart {
  readonly partNumber: number
  readonly sizeBytes: number
  readonly etag: string
  /** When it was stored, in milliseconds since the epoch; undefined if the store did not say. */
  readonly storedAtMs?: number | undefined
  /** Of the multipart upload's algorithm, if it has one. */
  readonly checksum?: string | undefined
}

export interface CreateMultipartOptions extends CallOptions {
  readonly contentType?: string | undefined
  /** Whether its parts carry the location's checksum; not for those that are copied. */
  readonly withChecksums?: boolean
}

export async function createMultipartUpload(
  bucket: S3Bucket,
  key: string,
  { withChecksums = false, ...options }: CreateMultipartOptions = {},
): Promise<MultipartUpload> {
  if (!withChecksums) return await createOnce(bucket, key, options, undefined)
  return await bucket.checksums.tryWith(
    async (algorithm) => await createOnce(bucket, key, options, algorithm),
  )
}

async function createOnce(
  bucket: S3Bucket,
  key: string,
  { contentType, signal }: CreateMultipartOptions,
  checksumAlgorithm: ChecksumAlgorithm | undefined,
): Promise<MultipartUpload> {
  const command = new CreateMultipartUploadCommand({
    ...bucket.creationHeaders,
    Bucket: bucket.name,
    Key: bucket.fullKey(key),
    ...(contentType !== undefined && { ContentType: contentType }),
    ...(checksumAlgorithm !== undefined && { ChecksumAlgorithm: SDK_NAMES[checksumAlgorithm] }),
  })
  const output = await bucket.call(
    'CreateMultipartUpload',
    key,
    (client, call) => client.send(command, call),
    { signal },
  )
  const uploadId = required(output.UploadId, 'UploadId')
  const isGivenBack = output.ChecksumAlgorithm !== undefined
  const isKept = checksumAlgorithm !== undefined && bucket.checksums.learn({ isGivenBack })
  return { key, uploadId, checksumAlgorithm: isKept ? checksumAlgorithm : undefined }
}

const SDK_NAMES = { crc32: 'CRC32', crc64nvme: 'CRC64NVME', sha256: 'SHA256' } as const

/** Makes the object of exactly these parts. After a failure the object may be there all the same: look (the answer can get lost). */
export async function completeMultipartUpload(
  bucket: S3Bucket,
  { key, uploadId, checksumAlgorithm }: MultipartUpload,
  parts: readonly StoredPart[],
  options: CallOptions = {},
): Promise<void> {
  const named = parts.map(({ partNumber, etag, checksum }) => ({
    PartNumber: partNumber,
    ETag: etag,
    ...(checksumAlgorithm && checksum !== undefined && { [CHECKSUM_ELEMENTS[checksumAlgorithm]]: checksum }),
  }))
  const command = new CompleteMultipartUploadCommand({
    Bucket: bucket.name,
    Key: bucket.fullKey(key),
    UploadId: uploadId,
    MultipartUpload: { Parts: named },
  })
  await bucket.call('CompleteMultipartUpload', key, (client, call) => client.send(command, call), options)
}

/** A part that was in flight may land after an abort (S3 API, AbortMultipartUpload): abort until nothing is left. */
const ABORT_ROUNDS = 3

/** Frees a multipart upload and its parts; one that is gone already is fine. */
export async function abortMultipartUpload(
  bucket: S3Bucket,
  upload: MultipartUpload,
  options: CallOptions = {},
): Promise<void> {
  for (let round = 1; round <= ABORT_ROUNDS; round += 1) {
    if (await isMissing(abortOnce(bucket, upload, options))) return
    if (await isMissing(listParts(bucket, upload, options))) return
  }
}

async function abortOnce(
  bucket: S3Bucket,
  { key, uploadId }: MultipartUpload,
  options: CallOptions,
): Promise<void> {
  const command = new AbortMultipartUploadCommand({
    Bucket: bucket.name,
    Key: bucket.fullKey(key),
    UploadId: uploadId,
  })
  await bucket.call('AbortMultipartUpload', key, (client, call) => client.send(command, call), options)
}

async function isMissing(call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return false
  } catch (error) {
    if (isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) return true
    throw error
  }
}
