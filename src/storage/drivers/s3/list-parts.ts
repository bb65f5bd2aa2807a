import { type ListPartsCommandOutput, ListPartsCommand } from '@aws-sdk/client-s3'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import { CHECKSUM_ELEMENTS } from './checksum.ts'
import { required } from './errors.ts'
import type { MultipartUpload, StoredPart } from './multipart-calls.ts'
import { MAX_PARTS } from './part-plan.ts'

/** The most that a page has (S3 API, ListParts). */
const PAGE_PARTS = 1_000

export interface ListPartsOptions extends CallOptions {
  /** How many parts there may be: that many pages are asked for at once, so that they take the time of one. */
  readonly expectedParts?: number | undefined
}

/**
 * Every part that the store has, in order of their numbers.
 * @throws TuskerError ERR_OBJECT_NOT_FOUND if there is no such multipart upload (completed, aborted or never there).
 */
export async function listParts(
  bucket: S3Bucket,
  multipart: MultipartUpload,
  { expectedParts = 1, signal }: ListPartsOptions = {},
): Promise<StoredPart[]> {
  const sections = Math.max(1, Math.ceil(Math.min(expectedParts, MAX_PARTS) / PAGE_PARTS))
  const listed = await Promise.all(
    Array.from({ length: sections }, async (_, index) => {
      const from = index * PAGE_PARTS
      const to = index === sections - 1 ? MAX_PARTS : from + PAGE_PARTS
      return await listSection(bucket, multipart, { from, to, signal })
    }),
  )
  const byNumber = new Map(listed.flat().map((part) => [part.partNumber, part]))
  return [...byNumber.values()].toSorted((a, b) => a.partNumber - b.partNumber)
}

/** The parts after number `from`, at least up to `to`: a page may have fewer than was asked for. */
async function listSection(
  bucket: S3Bucket,
  { key, uploadId }: MultipartUpload,
  { from, to, signal }: CallOptions & { readonly from: number; readonly to: number },
): Promise<StoredPart[]> {
  const parts: StoredPart[] = []
  for (let marker = from; ;) {
    const command = new ListPartsCommand({
      Bucket: bucket.name,
      Key: bucket.fullKey(key),
      UploadId: uploadId,
      ...(marker > 0 && { PartNumberMarker: String(marker) }),
    })
    const page = await bucket.call('ListParts', key, (client, call) => client.send(command, call), { signal })
    parts.push(...partsOf(page))
    const next = Number(page.NextPartNumberMarker)
    // A marker that does not move would be asked for ever.
    if (page.IsTruncated !== true || !(next > marker) || next >= to) return parts
    marker = next
  }
}

function partsOf({ Parts = [] }: ListPartsCommandOutput): StoredPart[] {
  return Parts.map((part) => ({
    partNumber: required(part.PartNumber, 'PartNumber'),
    sizeBytes: required(part.Size, 'Size'),
    etag: required(part.ETag, 'ETag'),
    checksum: Object.values(CHECKSUM_ELEMENTS)
      .map((name) => part[name])
      .find((value) => value !== undefined),
  }))
}
