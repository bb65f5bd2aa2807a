import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import { CHECKSUM_ELEMENTS } from './checksum.ts'
import { required } from './errors.ts'
import type { MultipartUpload, StoredPart } from './multipart-calls.ts'
import type { ChecksumAlgorithm } from './options.ts'
import { MAX_PARTS } from './part-plan.ts'
import { elementText, elementsOf } from './xml-text.ts'

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
  { key, uploadId, checksumAlgorithm }: MultipartUpload,
  { from, to, signal }: CallOptions & { readonly from: number; readonly to: number },
): Promise<StoredPart[]> {
  const parts: StoredPart[] = []
  for (let marker = from; ;) {
    const query = { uploadId, ...(marker > 0 && { 'part-number-marker': String(marker) }) }
    const page = await bucket.getXml('ListParts', key, query, { signal })
    // Half an answer, or a page of a proxy in between, must not pass for an upload with fewer parts.
    if (!page.trimEnd().endsWith('</ListPartsResult>')) required(undefined, 'ListPartsResult')
    parts.push(...Array.from(elementsOf(page, 'Part'), (xml) => toPart(xml, checksumAlgorithm)))
    const next = Number(elementText(page, 'NextPartNumberMarker'))
    // A marker that does not move would be asked for ever.
    if (elementText(page, 'IsTruncated') !== 'true' || !(next > marker) || next >= to) return parts
    marker = next
  }
}

function toPart(xml: string, checksumAlgorithm: ChecksumAlgorithm | undefined): StoredPart {
  return {
    partNumber: numberOf(xml, 'PartNumber'),
    sizeBytes: numberOf(xml, 'Size'),
    etag: required(elementText(xml, 'ETag'), 'ETag'),
    storedAtMs: timeOf(xml, 'LastModified'),
    checksum: checksumAlgorithm && elementText(xml, CHECKSUM_ELEMENTS[checksumAlgorithm]),
  }
}

function timeOf(xml: string, name: string): number | undefined {
  const ms = Date.parse(elementText(xml, name) ?? '')
  return Number.isNaN(ms) ? undefined : ms
}

function numberOf(xml: string, name: string): number {
  const text = elementText(xml, name) ?? ''
  return required(/^\d{1,15}$/.test(text) ? Number(text) : undefined, name)
}
