import type { IncomingMessage } from 'node:http'
import { S3Error } from './s3-error.ts'

/** What a request asks for. */
export interface Operation {
  /** As in the S3 API reference: PutObject, UploadPart … */
  readonly name: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  readonly partNumber: number | undefined
  readonly uploadId: string
}

const MAX_KEY_BYTES = 1024

/** Finds out what a request asks for. @throws S3Error for what this server does not do */
export function parseOperation(request: IncomingMessage): Operation {
  const url = new URL(request.url ?? '/', 'http://s3')
  const { bucket, key } = bucketAndKey(request, url)
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError')
  const query = url.searchParams
  const partNumber = query.get('partNumber')
  return {
    name: nameOf(request, { bucket, key, query }),
    bucket,
    key,
    query,
    headers: headersOf(request),
    partNumber: partNumber === null ? undefined : Number(partNumber),
    uploadId: query.get('uploadId') ?? '',
  }
}

/** Path style (`/bucket/key`), or virtual-host style if the host is `bucket.localhost` or the like. */
function bucketAndKey({ headers }: IncomingMessage, url: URL): { bucket: string; key: string } {
  const host = (headers.host ?? '').replace(/:\d+$/, '')
  const virtual = /^(.+)\.(?:localhost|s3\.test)$/.exec(host)?.[1]
  const path = decodeURIComponent(url.pathname.slice(1))
  if (virtual !== undefined) return { bucket: virtual, key: path }
  const slash = path.indexOf('/')
  return slash === -1
    ? { bucket: path, key: '' }
    : { bucket: path.slice(0, slash), key: path.slice(slash + 1) }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : (value ?? ''),
    ]),
  )
}

interface Asked {
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
}

function nameOf(request: IncomingMessage, { bucket, key, query }: Asked): string {
  const method = request.method ?? 'GET'
  const name =
    bucket === ''
      ? SERVICE[method]
      : key === ''
        ? bucketOperation(method, query)
        : objectOperation(request, query)
  if (name === undefined) throw new S3Error('NotImplemented', `${method} ${request.url}`)
  return name
}

const SERVICE: Readonly<Record<string, string>> = { GET: 'ListBuckets' }

function bucketOperation(method: string, query: URLSearchParams): string | undefined {
  if (method === 'GET') {
    if (query.has('uploads')) return 'ListMultipartUploads'
    if (query.has('location')) return 'GetBucketLocation'
    return query.get('list-type') === '2' ? 'ListObjectsV2' : undefined
  }
  if (method === 'POST') return query.has('delete') ? 'DeleteObjects' : undefined
  return { PUT: 'CreateBucket', HEAD: 'HeadBucket', DELETE: 'DeleteBucket' }[method]
}

function objectOperation(
  { method = 'GET', headers }: IncomingMessage,
  query: URLSearchParams,
): string | undefined {
  const isMultipart = query.has('uploadId')
  const isCopy = headers['x-amz-copy-source'] !== undefined
  switch (method) {
    case 'GET':
      if (query.has('tagging')) return 'GetObjectTagging'
      return isMultipart ? 'ListParts' : 'GetObject'
    case 'HEAD':
      return 'HeadObject'
    case 'PUT':
      if (isMultipart) return isCopy ? 'UploadPartCopy' : 'UploadPart'
      return isCopy ? 'CopyObject' : 'PutObject'
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload'
      return isMultipart ? 'CompleteMultipartUpload' : undefined
    case 'DELETE':
      return isMultipart ? 'AbortMultipartUpload' : 'DeleteObject'
    default:
      return undefined
  }
}
