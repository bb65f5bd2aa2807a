import { requireReadConditions, requireWriteConditions } from './conditions.ts'
import { encryptionHeaders, parseDescription } from './object-headers.ts'
import { parseRange } from './range.ts'
import { type Call, type Handler, type Reply, bucketOf, xmlReply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { type StoredObject, etagOf } from './state.ts'

const MAX_PUT_BYTES = 5 * 1024 ** 3

export const putObject: Handler = (call) => {
  const { objects } = bucketOf(call)
  if (call.body.byteLength > MAX_PUT_BYTES) throw new S3Error('EntityTooLarge')
  requireWriteConditions(call.headers, objects.get(call.key))
  const object: StoredObject = {
    ...parseDescription(call.headers),
    body: call.body,
    etag: etagOf(call.body),
    modifiedAt: new Date(),
    checksums: { ...call.checksums },
  }
  objects.set(call.key, object)
  return {
    status: 200,
    headers: { etag: object.etag, ...call.checksums, ...encryptionHeaders(object.headers) },
  }
}

export const getObject: Handler = (call) => {
  const object = findObject(call)
  requireReadConditions(call.headers, object)
  const headers = { ...describe(object), ...overrides(call) }
  return ranged(call, object.body, headers) ?? whole(call, object, headers)
}

export const headObject: Handler = (call) => {
  const object = findObject(call)
  requireReadConditions(call.headers, object)
  const headers = describe(object)
  return ranged(call, object.body, headers) ?? whole(call, object, headers)
}

/** @throws S3Error NoSuchKey */
export function findObject(call: Pick<Call, 'buckets' | 'bucket' | 'key'>): StoredObject {
  const object = bucketOf(call).objects.get(call.key)
  if (object === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist')
  return object
}

function describe(object: StoredObject): Record<string, string> {
  const tagCount = [...new URLSearchParams(object.tags ?? '').keys()].length
  return {
    'content-type': object.contentType ?? 'binary/octet-stream',
    'accept-ranges': 'bytes',
    etag: object.etag,
    'last-modified': object.modifiedAt.toUTCString(),
    ...object.headers,
    ...(tagCount === 0 ? {} : { 'x-amz-tagging-count': String(tagCount) }),
  }
}

/** response-content-disposition and the like, in the query. */
function overrides({ query }: Call): Record<string, string> {
  const asked = [...query].filter(([name]) => name.startsWith('response-'))
  return Object.fromEntries(asked.map(([name, value]) => [name.slice('response-'.length), value]))
}

function whole({ headers: asked }: Call, object: StoredObject, headers: Record<string, string>): Reply {
  const checksums = asked['x-amz-checksum-mode'] === 'ENABLED' ? object.checksums : {}
  const length = { 'content-length': String(object.body.byteLength) }
  return { status: 200, headers: { ...headers, ...length, ...checksums }, body: object.body }
}

function ranged({ headers: asked }: Call, body: Buffer, headers: Record<string, string>): Reply | undefined {
  const span = asked['range'] === undefined ? undefined : parseRange(asked['range'], body.byteLength)
  if (span === undefined) return undefined
  const part = body.subarray(span.start, span.end + 1)
  const range = { 'content-range': `bytes ${span.start}-${span.end}/${body.byteLength}` }
  return {
    status: 206,
    headers: { ...headers, 'content-length': String(part.byteLength), ...range },
    body: part,
  }
}

export const deleteObject: Handler = (call) => {
  bucketOf(call).objects.delete(call.key)
  return { status: 204 }
}

export const getObjectTagging: Handler = (call) => {
  const tags = [...new URLSearchParams(findObject(call).tags ?? '')]
  return xmlReply('Tagging', { TagSet: { Tag: tags.map(([Key, Value]) => ({ Key, Value })) } })
}
