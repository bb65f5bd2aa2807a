import { randomUUID } from 'node:crypto'
import { requireWriteConditions } from './conditions.ts'
import { maxEntriesOf, pageOf } from './listing.ts'
import {
  checksumElements,
  createdWith,
  objectChecksums,
  partChecksums,
  requireNamedChecksums,
} from './multipart-checksums.ts'
import { encryptionHeaders, parseDescription } from './object-headers.ts'
import { type Call, type Handler, bucketOf, uploadOf, xmlReply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { Journal, type MultipartUpload, type StoredPart, etagOf, multipartEtag } from './state.ts'
import { parseXml } from './xml.ts'

const MAX_PARTS = 10_000

export const createMultipartUpload: Handler = (call) => {
  const { bucket, key } = call
  const upload: MultipartUpload = {
    ...parseDescription(call.headers),
    uploadId: randomUUID(),
    key,
    initiatedAt: new Date(),
    checksum: createdWith(call.headers),
    parts: new Journal(),
    isCompleted: false,
  }
  bucketOf(call).uploads.set(upload.uploadId, upload)
  const content = { Bucket: bucket, Key: key, UploadId: upload.uploadId }
  const headers = { ...encryptionHeaders(upload.headers), ...checksumAnswer(upload) }
  return xmlReply('InitiateMultipartUploadResult', content, headers)
}

function checksumAnswer({ checksum }: MultipartUpload): Record<string, string> {
  if (checksum === undefined) return {}
  const { algorithm, isComposite } = checksum
  return {
    'x-amz-checksum-algorithm': algorithm.toUpperCase(),
    'x-amz-checksum-type': isComposite ? 'COMPOSITE' : 'FULL_OBJECT',
  }
}

export const uploadPart: Handler = (call) => {
  const { etag } = storePart(call, call.body)
  return { status: 200, headers: { etag, ...call.checksums } }
}

/** Stores a part, in place of the one that had its number. @throws S3Error InvalidArgument, NoSuchUpload */
export function storePart(call: Call, body: Buffer): StoredPart {
  const { partNumber = 0 } = call
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > MAX_PARTS)
    throw new S3Error(
      'InvalidArgument',
      `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`,
    )
  const upload = uploadOf(call)
  const checksums = partChecksums(call, upload, body)
  const part = { partNumber, body, etag: etagOf(body), modifiedAt: new Date(), checksums }
  upload.parts.set(partNumber, part)
  return part
}

export const listParts: Handler = (call) => {
  const upload = listedUpload(call)
  const marker = Number(call.query.get('part-number-marker') ?? 0)
  const maxParts = maxEntriesOf(call, 'max-parts')
  const parts = [...upload.parts.past(call.listingFaults.writesAgo).values()]
    .filter(({ partNumber }) => partNumber > marker)
    .toSorted((a, b) => a.partNumber - b.partNumber)
  const { page, isTruncated } = pageOf(call, parts, maxParts)
  return xmlReply('ListPartsResult', {
    Bucket: call.bucket,
    Key: call.key,
    UploadId: call.uploadId,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.partNumber,
    MaxParts: maxParts,
    IsTruncated: isTruncated,
    StorageClass: 'STANDARD',
    ChecksumAlgorithm: upload.checksum?.algorithm.toUpperCase(),
    Part: page.map(({ partNumber, etag, body, modifiedAt, checksums }) => ({
      PartNumber: partNumber,
      LastModified: modifiedAt.toISOString(),
      ETag: etag,
      Size: body.byteLength,
      ...checksumElements(checksums),
    })),
  })
}

function listedUpload(call: Call): MultipartUpload {
  const { noSuchKeyForListParts, listPartsAfterComplete } = call.quirks
  const upload = bucketOf(call).uploads.get(call.uploadId)
  if (upload?.isCompleted === true && listPartsAfterComplete === true) return upload
  if (noSuchKeyForListParts === true && upload === undefined) throw new S3Error('NoSuchKey')
  return uploadOf(call)
}

export const completeMultipartUpload: Handler = (call) => {
  const upload = uploadOf(call)
  const { objects, uploads } = bucketOf(call)
  const parts = chosenParts(call, upload)
  requireWriteConditions(call.headers, objects.get(call.key))
  const body = Buffer.concat(parts.map((part) => part.body))
  requireSize(call, body.byteLength)
  const { contentType, headers, tags } = upload
  const etag = multipartEtag(parts)
  const checksums = objectChecksums(upload, parts, body)
  objects.set(call.key, { body, etag, modifiedAt: new Date(), contentType, headers, checksums, tags })
  upload.isCompleted = true
  if (call.quirks.listPartsAfterComplete !== true) uploads.delete(upload.uploadId)
  const content = {
    Location: `/${call.bucket}/${call.key}`,
    Bucket: call.bucket,
    Key: call.key,
    ETag: call.quirks.emptyCompleteEtag === true ? '' : etag,
    ...checksumElements(checksums),
  }
  return xmlReply('CompleteMultipartUploadResult', content, encryptionHeaders(headers))
}

function requireSize({ headers }: Call, sizeBytes: number): void {
  const expected = headers['x-amz-mp-object-size']
  if (expected !== undefined && Number(expected) !== sizeBytes)
    throw new S3Error(
      'InvalidRequest',
      `The parts have ${sizeBytes} bytes, x-amz-mp-object-size is ${expected}`,
    )
}

/** A part as Complete names it: PartNumber, ETag and checksums. */
export type NamedPart = Readonly<Record<string, string>>

/** The parts that Complete names, checked as S3 checks them. @throws S3Error */
function chosenParts(call: Call, upload: MultipartUpload): StoredPart[] {
  const { CompleteMultipartUpload } = parseXml(call.body)
  const { Part: named = [] } = (CompleteMultipartUpload || {}) as { Part?: NamedPart[] }
  const numbers = named.map(({ PartNumber }) => Number(PartNumber))
  const isWellFormed = named.every((part) => part['ETag'] !== undefined) && numbers.every(Number.isInteger)
  if (named.length === 0 || named.length > MAX_PARTS || !isWellFormed) throw new S3Error('MalformedXML')
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0)))
    throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order')
  if (call.quirks.everyPartNamed === true && named.length < upload.parts.size)
    throw new S3Error('InvalidPart')
  requireNamedChecksums(upload, named)
  const parts = named.map((part) => findPart(upload, part))
  if (call.quirks.equalParts === true) requireEqualSizes(parts)
  if (parts.slice(0, -1).some((part) => part.body.byteLength < call.minPartSizeBytes))
    throw new S3Error('EntityTooSmall', 'A part before the last is smaller than the minimum')
  return parts
}

/** Cloudflare R2, "Multipart upload limits". @throws S3Error InvalidPart */
function requireEqualSizes(parts: readonly StoredPart[]): void {
  const [first, ...rest] = parts.map(({ body }) => body.byteLength)
  const last = rest.pop() ?? 0
  if (first === undefined || (last <= first && rest.every((size) => size === first))) return
  throw new S3Error('InvalidPart', 'All non-trailing parts must have the same length.')
}

/** A part is the one that was named if its ETag, and every checksum that both sides know, is the same. */
function findPart(upload: MultipartUpload, { PartNumber, ETag = '', ...rest }: NamedPart): StoredPart {
  const part = upload.parts.get(Number(PartNumber))
  const isSame = part?.etag.replaceAll('"', '') === ETag.trim().replaceAll('"', '')
  const differs = Object.entries(rest).some(([name, value]) => {
    const known = part?.checksums[name.toLowerCase().replace(/^checksum/, 'x-amz-checksum-')]
    return known !== undefined && known !== value
  })
  if (part === undefined || !isSame || differs)
    throw new S3Error('InvalidPart', `Part ${PartNumber} was not found, or its ETag or checksum is another`)
  return part
}

export const abortMultipartUpload: Handler = (call) => {
  bucketOf(call).uploads.delete(uploadOf(call).uploadId)
  return { status: 204 }
}
