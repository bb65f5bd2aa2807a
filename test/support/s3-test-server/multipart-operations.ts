import { randomUUID } from 'node:crypto'
import { copySource, parseRange, requireWriteConditions } from './object-operations.ts'
import { type Call, type Handler, bucketOf, objectHeaders, uploadOf, xmlReply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { type MultipartUpload, type StoredPart, etagOf, multipartEtag } from './state.ts'
import { parseXml } from './xml.ts'

const MAX_PARTS = 10_000
const DEFAULT_PAGE = 1000

export const createMultipartUpload: Handler = (call) => {
  const { bucket, key, headers } = call
  const upload: MultipartUpload = {
    uploadId: randomUUID(),
    key,
    initiatedAt: new Date(),
    headers: objectHeaders(headers),
    contentType: headers['content-type'],
    tags: headers['x-amz-tagging'],
    parts: new Map(),
    arrivals: [],
    isCompleted: false,
  }
  bucketOf(call).uploads.set(upload.uploadId, upload)
  return xmlReply('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: upload.uploadId })
}

export const uploadPart: Handler = (call) => {
  const etag = storePart(call, call.body).etag
  return { status: 200, headers: { etag } }
}

export const uploadPartCopy: Handler = (call) => {
  const { body } = copySource(call)
  const range = call.headers['x-amz-copy-source-range']
  const { start, end } =
    range === undefined ? { start: 0, end: body.byteLength - 1 } : parseRange(range, body.byteLength)
  const part = storePart(call, Buffer.from(body.subarray(start, end + 1)))
  return xmlReply('CopyPartResult', { ETag: part.etag, LastModified: part.modifiedAt.toISOString() })
}

function storePart(call: Call, body: Buffer): StoredPart {
  const { partNumber = 0 } = call
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > MAX_PARTS) {
    throw new S3Error(
      'InvalidArgument',
      `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`,
    )
  }
  const upload = uploadOf(call)
  const part = { partNumber, body, etag: etagOf(body), modifiedAt: new Date() }
  upload.parts.set(partNumber, part)
  upload.arrivals.push(partNumber)
  return part
}

export const listParts: Handler = (call) => {
  const upload = listedUpload(call)
  const marker = Number(call.query.get('part-number-marker') ?? 0)
  const maxParts = Math.min(Number(call.query.get('max-parts') ?? DEFAULT_PAGE), DEFAULT_PAGE)
  const hidden = new Set(call.writesAgo > 0 ? upload.arrivals.slice(-call.writesAgo) : [])
  const parts = [...upload.parts.values()]
    .filter(({ partNumber }) => partNumber > marker && !hidden.has(partNumber))
    .toSorted((a, b) => a.partNumber - b.partNumber)
  const page = parts.slice(0, maxParts)
  const isTruncated = parts.length > page.length
  return xmlReply('ListPartsResult', {
    Bucket: call.bucket,
    Key: call.key,
    UploadId: call.uploadId,
    PartNumberMarker: marker,
    NextPartNumberMarker: isTruncated ? page.at(-1)?.partNumber : undefined,
    MaxParts: maxParts,
    IsTruncated: isTruncated,
    Part: page.map(({ partNumber, etag, body, modifiedAt }) => ({
      PartNumber: partNumber,
      LastModified: modifiedAt.toISOString(),
      ETag: etag,
      Size: body.byteLength,
    })),
  })
}

function listedUpload(call: Call): MultipartUpload {
  const upload = bucketOf(call).uploads.get(call.uploadId)
  if (upload?.isCompleted === true && call.quirks.listPartsAfterComplete === true) return upload
  if (upload === undefined || upload.isCompleted || upload.key !== call.key) {
    throw new S3Error(call.quirks.noSuchKeyForListParts === true ? 'NoSuchKey' : 'NoSuchUpload')
  }
  return upload
}

export const completeMultipartUpload: Handler = (call) => {
  const upload = uploadOf(call)
  const { objects } = bucketOf(call)
  requireWriteConditions(call, objects.get(call.key))
  const parts = chosenParts(call, upload)
  const body = Buffer.concat(parts.map((part) => part.body))
  const expected = call.headers['x-amz-mp-object-size']
  if (expected !== undefined && Number(expected) !== body.byteLength) throw new S3Error('InvalidRequest')
  const { contentType, headers, tags } = upload
  const etag = multipartEtag(parts)
  objects.set(call.key, { body, etag, modifiedAt: new Date(), contentType, headers, tags })
  upload.isCompleted = true
  if (call.quirks.listPartsAfterComplete !== true) bucketOf(call).uploads.delete(upload.uploadId)
  const answered = call.quirks.emptyCompleteEtag === true ? '' : etag
  return xmlReply('CompleteMultipartUploadResult', { Bucket: call.bucket, Key: call.key, ETag: answered })
}

/** The parts that Complete names, checked as S3 checks them. @throws S3Error */
function chosenParts(call: Call, upload: MultipartUpload): StoredPart[] {
  const { CompleteMultipartUpload } = parseXml(call.body)
  const { Part: named = [] } = (CompleteMultipartUpload ?? {}) as {
    Part?: { PartNumber: string; ETag: string }[]
  }
  if (named.length === 0) throw new S3Error('MalformedXML')
  const numbers = named.map(({ PartNumber }) => Number(PartNumber))
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0)))
    throw new S3Error('InvalidPartOrder')
  const parts = named.map(({ PartNumber, ETag }) => findPart(upload, Number(PartNumber), ETag))
  if (parts.slice(0, -1).some((part) => part.body.byteLength < call.minPartSizeBytes))
    throw new S3Error('EntityTooSmall')
  return parts
}

function findPart(upload: MultipartUpload, partNumber: number, etag: string): StoredPart {
  const part = upload.parts.get(partNumber)
  if (part === undefined || part.etag.replaceAll('"', '') !== etag.replaceAll('"', ''))
    throw new S3Error('InvalidPart')
  return part
}

export const abortMultipartUpload: Handler = (call) => {
  bucketOf(call).uploads.delete(uploadOf(call).uploadId)
  return { status: 204 }
}
