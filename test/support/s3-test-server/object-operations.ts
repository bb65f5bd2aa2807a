import { type Call, type Handler, type Reply, bucketOf, objectHeaders, xmlReply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { type StoredObject, etagOf } from './state.ts'

const MAX_PUT_BYTES = 5 * 1024 ** 3

export const putObject: Handler = (call) => {
  const { objects } = bucketOf(call)
  if (call.body.byteLength > MAX_PUT_BYTES) throw new S3Error('EntityTooLarge')
  requireWriteConditions(call, objects.get(call.key))
  const object = newObject(call, call.body)
  objects.set(call.key, object)
  return { status: 200, headers: { etag: object.etag } }
}

function newObject({ headers }: Call, body: Buffer): StoredObject {
  return {
    body,
    etag: etagOf(body),
    modifiedAt: new Date(),
    contentType: headers['content-type'],
    headers: objectHeaders(headers),
    tags: headers['x-amz-tagging'],
  }
}

/** Conditional writes: If-None-Match: * and If-Match. @throws S3Error PreconditionFailed */
export function requireWriteConditions({ headers }: Call, existing: StoredObject | undefined): void {
  const isTaken = headers['if-none-match'] === '*' && existing !== undefined
  const isOther = headers['if-match'] !== undefined && headers['if-match'] !== existing?.etag
  if (isTaken || isOther) throw new S3Error('PreconditionFailed')
}

export const getObject: Handler = (call) => {
  const object = findObject(call)
  requireReadConditions(call, object)
  const { headers, body } = describe(call, object)
  const { range } = call.headers
  if (range === undefined) return { status: 200, headers, body }
  return partOf(object, range, headers)
}

export const headObject: Handler = (call) => {
  const object = findObject(call)
  requireReadConditions(call, object)
  return { status: 200, headers: describe(call, object).headers }
}

/** @throws S3Error NoSuchKey */
export function findObject(call: Call): StoredObject {
  const object = bucketOf(call).objects.get(call.key)
  if (object === undefined) throw new S3Error('NoSuchKey')
  return object
}

function requireReadConditions({ headers }: Call, { etag, modifiedAt }: StoredObject): void {
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag)
    throw new S3Error('PreconditionFailed')
  if (headers['if-none-match'] === etag) throw new S3Error('NotModified')
  const since = Date.parse(headers['if-modified-since'] ?? '')
  if (
    headers['if-none-match'] === undefined &&
    modifiedAt.getTime() - (modifiedAt.getTime() % 1000) <= since
  ) {
    throw new S3Error('NotModified')
  }
}

function describe({ query }: Call, object: StoredObject): { headers: Record<string, string>; body: Buffer } {
  const overrides = [...query]
    .filter(([name]) => name.startsWith('response-'))
    .map(([name, value]) => [name.slice('response-'.length), value])
  return {
    body: object.body,
    headers: {
      'content-type': object.contentType ?? 'binary/octet-stream',
      'content-length': String(object.body.byteLength),
      'accept-ranges': 'bytes',
      etag: object.etag,
      'last-modified': object.modifiedAt.toUTCString(),
      ...object.headers,
      ...(Object.fromEntries(overrides) as Record<string, string>),
    },
  }
}

function partOf({ body }: StoredObject, range: string, headers: Record<string, string>): Reply {
  const { start, end } = parseRange(range, body.byteLength)
  const part = body.subarray(start, end + 1)
  return {
    status: 206,
    headers: {
      ...headers,
      'content-length': String(part.byteLength),
      'content-range': `bytes ${start}-${end}/${body.byteLength}`,
    },
    body: part,
  }
}

/** One range: `0-99`, `100-` or `-50`. @throws S3Error InvalidRange */
export function parseRange(range: string, sizeBytes: number): { start: number; end: number } {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  if ((first === '' && last === '') || start > end) throw new S3Error('InvalidRange')
  return { start, end }
}

export const deleteObject: Handler = (call) => {
  bucketOf(call).objects.delete(call.key)
  return { status: 204 }
}

/** The object that x-amz-copy-source names. @throws S3Error */
export function copySource(call: Call): StoredObject {
  const source = decodeURIComponent((call.headers['x-amz-copy-source'] ?? '').replace(/^\//, ''))
  const slash = source.indexOf('/')
  if (slash < 1) throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key')
  return findObject({ ...call, bucket: source.slice(0, slash), key: source.slice(slash + 1) })
}

export const copyObject: Handler = (call) => {
  const source = copySource(call)
  if (source.body.byteLength > MAX_PUT_BYTES)
    throw new S3Error('InvalidRequest', 'The copy source is larger than 5 GiB')
  const replaces = call.headers['x-amz-metadata-directive'] === 'REPLACE'
  const fresh = newObject(call, source.body)
  const kept = replaces
    ? fresh
    : { ...fresh, contentType: source.contentType, headers: { ...source.headers, ...fresh.headers } }
  bucketOf(call).objects.set(call.key, kept)
  return xmlReply('CopyObjectResult', { ETag: kept.etag, LastModified: kept.modifiedAt.toISOString() })
}

export const getObjectTagging: Handler = (call) => {
  const tags = [...new URLSearchParams(findObject(call).tags ?? '')]
  return xmlReply('Tagging', { TagSet: { Tag: tags.map(([Key, Value]) => ({ Key, Value })) } })
}
