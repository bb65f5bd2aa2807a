import { z } from 'zod'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import type { UploadInfo } from '../../../core/upload.ts'
import { concatRecord } from '../../concat-record.ts'
import type { S3Bucket } from './bucket.ts'
import { fetchObject } from './object-calls.ts'
import { readObjectRecord } from './object-record.ts'
import type { ChecksumAlgorithm } from './options.ts'
import { putObject } from './payload-calls.ts'

/** What `<id>.info` says. */
export interface UploadRecord {
  readonly info: UploadInfo
  /** S3's id of the multipart upload; undefined while the upload needs none (it may fit in one PutObject). */
  readonly multipartId: string | undefined
  /** Whether it was created without a length: decides its part sizes to the end (part-plan.ts). */
  readonly lengthWasDeferred: boolean
  /** What the parts of the multipart upload carry. */
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined
}

/**
 * The layout of @tus/s3-store (the JSON of its Upload as body, S3's id of the multipart upload as user metadata), so
 * that either can read what the other wrote, with five fields more.
 */
const recordBody = z.object({
  size: z.number().int().nonnegative().optional(),
  metadata: z.record(z.string(), z.string().nullable()).nullish(),
  creation_date: z.iso.datetime({ offset: true }),
  raw_metadata: z.string().optional(),
  length_deferred: z.boolean().default(false),
  checksum_algorithm: z.enum(['crc32', 'crc64nvme', 'sha256']).optional(),
  concat: concatRecord.optional(),
  announced_length: z.number().int().nonnegative().optional(),
})

export function recordKey(id: UploadId): string {
  return `${id}.info`
}

export interface FoundRecord {
  readonly record: UploadRecord
  /** Whether the object itself has the record: then it is whole. */
  readonly isInObject: boolean
}

/** The record, wherever it is. @throws TuskerError ERR_UPLOAD_NOT_FOUND; ERR_UPLOAD_DAMAGED if it can't be read */
export async function findRecord(
  bucket: S3Bucket,
  id: UploadId,
  options: CallOptions = {},
): Promise<FoundRecord> {
  try {
    return { record: await readRecord(bucket, id, options), isInObject: false }
  } catch (error) {
    if (!isTuskerError(error, 'ERR_UPLOAD_NOT_FOUND')) throw error
    return { record: recordOf(await readObjectRecord(bucket, id, options)), isInObject: true }
  }
}

/** Of an upload that has no multipart upload (yet). */
export function recordOf(info: UploadInfo): UploadRecord {
  const lengthWasDeferred = info.lengthBytes === undefined
  return { info, multipartId: undefined, lengthWasDeferred, checksumAlgorithm: undefined }
}

/** What `<id>.info` says. @throws TuskerError ERR_UPLOAD_NOT_FOUND; ERR_UPLOAD_DAMAGED if it can't be read */
export async function readRecord(
  bucket: S3Bucket,
  id: UploadId,
  options: CallOptions = {},
): Promise<UploadRecord> {
  const { body, metadata } = await fetchRecord(bucket, id, options)
  const multipartId = metadata['upload-id']
  return { ...parseRecord(id, body), multipartId: multipartId === '' ? undefined : multipartId }
}

async function fetchRecord(bucket: S3Bucket, id: UploadId, options: CallOptions) {
  try {
    return await fetchObject(bucket, recordKey(id), options)
  } catch (error) {
    // Only a plain "no such key" is a missing upload: clients start again from zero on a 404.
    if (isTuskerError(error, 'ERR_OBJECT_NOT_FOUND'))
      throw new TuskerError('ERR_UPLOAD_NOT_FOUND', { cause: error })
    throw error
  }
}

function parseRecord(id: UploadId, body: Buffer): Omit<UploadRecord, 'multipartId'> {
  try {
    const record = recordBody.parse(JSON.parse(body.toString('utf8')))
    const metadata = Object.assign(Object.create(null) as Record<string, string | null>, record.metadata)
    return {
      info: {
        id,
        lengthBytes: record.size,
        metadata,
        rawMetadata: record.raw_metadata ?? encodeMetadata(metadata),
        createdAt: new Date(record.creation_date),
        concat: record.concat,
        announcedLengthBytes: record.announced_length,
      },
      lengthWasDeferred: record.length_deferred,
      checksumAlgorithm: record.checksum_algorithm,
    }
  } catch (error) {
    throw new TuskerError('ERR_UPLOAD_DAMAGED', { cause: error, details: { key: recordKey(id) } })
  }
}

/** @tus/s3-store keeps decoded values only: this is their canonical form. */
function encodeMetadata(metadata: Readonly<Record<string, string | null>>): string | undefined {
  const pairs = Object.entries(metadata).map(([key, value]) =>
    value === null ? key : `${key} ${Buffer.from(value).toString('base64')}`,
  )
  return pairs.length === 0 ? undefined : pairs.join(',')
}

export async function writeRecord(
  bucket: S3Bucket,
  { info, multipartId, lengthWasDeferred, checksumAlgorithm }: UploadRecord,
  { signal }: CallOptions = {},
): Promise<void> {
  const body = {
    id: info.id,
    metadata: info.metadata,
    size: info.lengthBytes,
    offset: 0,
    creation_date: info.createdAt.toISOString(),
    storage: { type: 's3', path: bucket.fullKey(info.id), bucket: bucket.name },
    raw_metadata: info.rawMetadata,
    length_deferred: lengthWasDeferred,
    checksum_algorithm: checksumAlgorithm,
    concat: info.concat,
    announced_length: info.announcedLengthBytes,
  }
  await putObject(bucket, recordKey(info.id), JSON.stringify(body), {
    contentType: 'application/json',
    metadata: { 'tus-version': '1.0.0', ...(multipartId !== undefined && { 'upload-id': multipartId }) },
    signal,
  })
}
