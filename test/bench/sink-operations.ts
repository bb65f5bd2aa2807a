import type { IncomingHttpHeaders } from 'node:http'
import type { SinkStore } from './sink-store.ts'
import {
  ETAG,
  completedXml,
  copiedXml,
  createdXml,
  deletedXml,
  errorXml,
  multipartsXml,
  objectsXml,
  partsXml,
} from './sink-xml.ts'

export interface S3Call {
  readonly operation: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  /** Undefined if it was thrown away. */
  readonly body: Buffer | undefined
  readonly sizeBytes: number
}

export interface S3Answer {
  readonly status: number
  readonly headers: Record<string, string | number>
  readonly body: string | Buffer
}

type Handler = (store: SinkStore, call: S3Call, bucket: string, key: string) => S3Answer

const HANDLERS: Readonly<Record<string, Handler>> = {
  CreateMultipartUpload: (store, call, bucket, key) =>
    xml(createdXml(bucket, key, store.createMultipart(key, keptHeaders(call.headers)))),
  UploadPart: (store, call) => storePart(store, call, call.sizeBytes, stored(call)),
  UploadPartCopy: (store, call) =>
    storePart(store, call, copiedBytes(store, call), xml(copiedXml('CopyPartResult'))),
  ListParts: (store, { url }) => {
    const multipart = store.multiparts.get(url.searchParams.get('uploadId') ?? '')
    if (multipart === undefined) return missing('NoSuchUpload')
    return xml(partsXml(multipart, Number(url.searchParams.get('part-number-marker') ?? 0)))
  },
  CompleteMultipartUpload: (store, call, bucket, key) => {
    const numbers = allMatches(call, /<PartNumber>\s*(\d+)\s*<\/PartNumber>/g).map(Number)
    const isComplete = store.completeMultipart(call.url.searchParams.get('uploadId') ?? '', numbers)
    return isComplete ? xml(completedXml(bucket, key)) : missing('NoSuchUpload')
  },
  AbortMultipartUpload: (store, { url }) =>
    store.multiparts.delete(url.searchParams.get('uploadId') ?? '') ? NO_CONTENT : missing('NoSuchUpload'),
  ListMultipartUploads: (_store, _call, bucket) => xml(multipartsXml(bucket)),
  PutObject: (store, { headers, body, sizeBytes }, _bucket, key) => {
    store.putObject(key, { sizeBytes, body, headers: keptHeaders(headers) })
    return stored({ headers })
  },
  CopyObject: (store, call, _bucket, key) => {
    const source = store.objects.get(copySourceKey(call.headers))
    if (source === undefined) return missing('NoSuchKey')
    store.putObject(key, source)
    return xml(copiedXml('CopyObjectResult'))
  },
  GetObject: (store, call, _bucket, key) => readObject(store, call, key),
  HeadObject: (store, call, _bucket, key) => readObject(store, call, key),
  DeleteObject: (store, _call, _bucket, key) => {
    store.objects.delete(key)
    return NO_CONTENT
  },
  DeleteObjects: (store, call) => {
    const keys = allMatches(call, /<Key>([^<]*)<\/Key>/g)
    for (const key of keys) store.objects.delete(key)
    return xml(deletedXml(keys))
  },
  ListObjectsV2: (store, { url }, bucket) =>
    xml(objectsXml(bucket, store.objects, url.searchParams.get('prefix') ?? '')),
  HeadBucket: () => EMPTY,
}

const EMPTY: S3Answer = { status: 200, headers: {}, body: '' }
/** A checksum is given back, as S3 does that has verified it: what it costs the sender is part of the measurement. */
function stored({ headers }: Pick<S3Call, 'headers'>): S3Answer {
  const crc32 = headers['x-amz-checksum-crc32']
  return {
    ...EMPTY,
    headers: { etag: ETAG, ...(typeof crc32 === 'string' && { 'x-amz-checksum-crc32': crc32 }) },
  }
}

const NO_CONTENT: S3Answer = { status: 204, headers: {}, body: '' }

/** S3 tells its operations apart by method, query and headers. */
export function operationOf(
  method: string,
  { pathname, searchParams }: URL,
  headers: IncomingHttpHeaders,
): string {
  const hasKey = pathname.indexOf('/', 1) > 0 && pathname.indexOf('/', 1) < pathname.length - 1
  const isOfMultipart = searchParams.has('uploadId')
  const isCopy = headers['x-amz-copy-source'] !== undefined
  switch (method) {
    case 'HEAD':
      return hasKey ? 'HeadObject' : 'HeadBucket'
    case 'GET':
      if (!hasKey) return searchParams.has('uploads') ? 'ListMultipartUploads' : 'ListObjectsV2'
      return isOfMultipart ? 'ListParts' : 'GetObject'
    case 'PUT':
      if (isOfMultipart) return isCopy ? 'UploadPartCopy' : 'UploadPart'
      return isCopy ? 'CopyObject' : 'PutObject'
    case 'DELETE':
      return isOfMultipart ? 'AbortMultipartUpload' : 'DeleteObject'
    case 'POST':
      if (searchParams.has('uploads')) return 'CreateMultipartUpload'
      return searchParams.has('delete') ? 'DeleteObjects' : 'CompleteMultipartUpload'
    default:
      return method
  }
}

export function answerCall(store: SinkStore, call: S3Call): S3Answer {
  const [, bucket = '', ...segments] = call.url.pathname.split('/')
  const handler = HANDLERS[call.operation]
  if (handler === undefined) return { status: 405, headers: {}, body: errorXml('MethodNotAllowed') }
  return handler(store, call, bucket, decodeURIComponent(segments.join('/')))
}

function storePart(store: SinkStore, { url }: S3Call, sizeBytes: number, stored: S3Answer): S3Answer {
  const multipart = store.multiparts.get(url.searchParams.get('uploadId') ?? '')
  if (multipart === undefined) return missing('NoSuchUpload')
  multipart.partSizes.set(Number(url.searchParams.get('partNumber')), sizeBytes)
  return stored
}

function copiedBytes(store: SinkStore, { headers }: S3Call): number {
  const range = /^bytes=(\d+)-(\d+)$/.exec(String(headers['x-amz-copy-source-range'] ?? ''))
  if (range !== null) return Number(range[2]) - Number(range[1]) + 1
  return store.objects.get(copySourceKey(headers))?.sizeBytes ?? 0
}

function copySourceKey(headers: IncomingHttpHeaders): string {
  const [, ...segments] = String(headers['x-amz-copy-source']).replace(/^\//, '').split('/')
  return decodeURIComponent(segments.join('/'))
}

function readObject(store: SinkStore, call: S3Call, key: string): S3Answer {
  const object = store.objects.get(key)
  if (object === undefined) return missing('NoSuchKey')
  const headers = { ...object.headers, etag: ETAG, 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' }
  if (call.operation === 'HeadObject') {
    return { status: 200, headers: { ...headers, 'content-length': object.sizeBytes }, body: '' }
  }
  const body = object.body ?? Buffer.alloc(object.sizeBytes)
  const range = /^bytes=(\d+)-(\d*)$/.exec(call.headers.range ?? '')
  if (range === null) return { status: 200, headers: { ...headers, 'content-length': body.byteLength }, body }
  const start = Number(range[1])
  const piece = body.subarray(start, range[2] === '' ? undefined : Number(range[2]) + 1)
  const contentRange = `bytes ${start}-${start + piece.byteLength - 1}/${body.byteLength}`
  return {
    status: 206,
    headers: { ...headers, 'content-length': piece.byteLength, 'content-range': contentRange },
    body: piece,
  }
}

function keptHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => name === 'content-type' || name.startsWith('x-amz-meta-'),
  )
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]))
}

function allMatches({ body }: S3Call, pattern: RegExp): string[] {
  return [...(body?.toString('utf8') ?? '').matchAll(pattern)].map((match) => match[1] ?? '')
}

function xml(body: string): S3Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body }
}

function missing(code: string): S3Answer {
  return { status: 404, headers: { 'content-type': 'application/xml' }, body: errorXml(code) }
}
