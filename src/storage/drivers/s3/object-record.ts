import { z } from 'zod'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import type { UploadInfo, UploadMetadata } from '../../../core/upload.ts'
import { concatRecord } from '../../concat-record.ts'
import type { S3Bucket } from './bucket.ts'
import { headObject } from './object-calls.ts'

/**
 * The record of an upload that came whole with its creation: in the user metadata of the object itself, so that it
 * takes one request, and no moment when one is there without the other.
 */
const objectRecord = z.object({
  version: z.literal(1),
  metadata: z.array(z.tuple([z.string(), z.string().nullable()])),
  rawMetadata: z.string().optional(),
  createdAt: z.iso.datetime(),
  concat: concatRecord.optional(),
})

const NAME = 'tusker'

/** S3 takes 2 KiB of user metadata, names included (S3 user guide, "User-defined object metadata"). */
const MAX_RECORD_CHARACTERS = 1_900

/** User metadata for the object; undefined if the record does not fit into it. */
export function objectRecordOf(info: UploadInfo): Record<string, string> | undefined {
  const record: z.input<typeof objectRecord> = {
    version: 1,
    metadata: Object.entries(info.metadata),
    rawMetadata: info.rawMetadata,
    createdAt: info.createdAt.toISOString(),
    concat: info.concat,
  }
  const text = Buffer.from(JSON.stringify(record)).toString('base64url')
  return text.length > MAX_RECORD_CHARACTERS ? undefined : { [NAME]: text }
}

/** What a finished upload's object says of it. @throws TuskerError ERR_UPLOAD_NOT_FOUND if it has no record, or is not there */
export async function readObjectRecord(
  bucket: S3Bucket,
  id: UploadId,
  options: CallOptions = {},
): Promise<UploadInfo> {
  const { metadata, sizeBytes } = await headOf(bucket, id, options)
  const text = metadata[NAME]
  if (text === undefined) throw new TuskerError('ERR_UPLOAD_NOT_FOUND')
  try {
    const record = objectRecord.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
    const { rawMetadata, concat } = record
    const createdAt = new Date(record.createdAt)
    return {
      id,
      lengthBytes: sizeBytes,
      metadata: fromEntries(record.metadata),
      rawMetadata,
      createdAt,
      concat,
    }
  } catch (error) {
    throw new TuskerError('ERR_UPLOAD_DAMAGED', { cause: error, details: { key: id } })
  }
}

async function headOf(bucket: S3Bucket, id: UploadId, options: CallOptions) {
  try {
    return await headObject(bucket, id, options)
  } catch (error) {
    if (isTuskerError(error, 'ERR_OBJECT_NOT_FOUND'))
      throw new TuskerError('ERR_UPLOAD_NOT_FOUND', { cause: error })
    throw error
  }
}

/** Without a prototype: `constructor` and `__proto__` are keys like any other. */
function fromEntries(entries: readonly (readonly [string, string | null])[]): UploadMetadata {
  const metadata = Object.create(null) as Record<string, string | null>
  for (const [key, value] of entries) metadata[key] = value
  return metadata
}
