import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type ListPartsCommandOutput,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'

/** A multipart upload in progress: the object it will become, and S3's id of it. */
export interface MultipartUpload {
  readonly key: string
  readonly uploadId: string
}

export interface StoredPart {
  readonly partNumber: number
  readonly sizeBytes: number
  readonly etag: string
}

export async function createMultipartUpload(
  bucket: S3Bucket,
  key: string,
  { contentType, signal }: CallOptions & { readonly contentType?: string | undefined } = {},
): Promise<MultipartUpload> {
  const command = new CreateMultipartUploadCommand({
    ...bucket.creationHeaders,
    Bucket: bucket.name,
    Key: bucket.fullKey(key),
    ...(contentType !== undefined && { ContentType: contentType }),
  })
  const send = bucket.call('CreateMultipartUpload', key, (client, call) => client.send(command, call), {
    signal,
  })
  return { key, uploadId: required((await send).UploadId, 'UploadId') }
}

/** Stores one part; sending a number again replaces what was there. */
export async function uploadPart(
  bucket: S3Bucket,
  { key, uploadId }: MultipartUpload,
  { partNumber, body }: { readonly partNumber: number; readonly body: Buffer },
  options: CallOptions = {},
): Promise<StoredPart> {
  const command = new UploadPartCommand({
    Bucket: bucket.name,
    Key: bucket.fullKey(key),
    UploadId: uploadId,
    PartNumber: partNumber,
    Body: body,
    ContentLength: body.byteLength,
  })
  const output = await bucket.call('UploadPart', key, (client, call) => client.send(command, call), options)
  return { partNumber, sizeBytes: body.byteLength, etag: required(output.ETag, 'ETag') }
}

/** Makes the object of exactly these parts. After a failure the object may be there all the same: look (the answer can get lost). */
export async function completeMultipartUpload(
  bucket: S3Bucket,
  { key, uploadId }: MultipartUpload,
  parts: readonly StoredPart[],
  options: CallOptions = {},
): Promise<void> {
  const command = new CompleteMultipartUploadCommand({
    Bucket: bucket.name,
    Key: bucket.fullKey(key),
    UploadId: uploadId,
    MultipartUpload: { Parts: parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag })) },
  })
  await bucket.call('CompleteMultipartUpload', key, (client, call) => client.send(command, call), options)
}

/**
 * Every part that the store has, in order of their numbers.
 * @throws TuskerError ERR_OBJECT_NOT_FOUND if there is no such multipart upload (completed, aborted or never there).
 */
export async function listParts(
  bucket: S3Bucket,
  { key, uploadId }: MultipartUpload,
  options: CallOptions = {},
): Promise<StoredPart[]> {
  const parts: StoredPart[] = []
  let marker: string | undefined
  do {
    const command = new ListPartsCommand({
      Bucket: bucket.name,
      Key: bucket.fullKey(key),
      UploadId: uploadId,
      ...(marker !== undefined && { PartNumberMarker: marker }),
    })
    const page = await bucket.call('ListParts', key, (client, call) => client.send(command, call), options)
    parts.push(...partsOf(page))
    marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
  } while (marker !== undefined)
  return parts.toSorted((a, b) => a.partNumber - b.partNumber)
}

function partsOf({ Parts = [] }: ListPartsCommandOutput): StoredPart[] {
  return Parts.map(({ PartNumber, Size, ETag }) => ({
    partNumber: required(PartNumber, 'PartNumber'),
    sizeBytes: required(Size, 'Size'),
    etag: required(ETag, 'ETag'),
  }))
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

function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) {
    throw new TuskerError('ERR_STORAGE_UNAVAILABLE', { details: { reason: `an answer without ${name}` } })
  }
  return value
}
