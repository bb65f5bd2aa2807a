import { requireCopyConditions, requireWriteConditions } from './conditions.ts'
import { checksumElements, checksumsOfCopy } from './multipart-checksums.ts'
import { storePart } from './multipart-operations.ts'
import { parseDescription } from './object-headers.ts'
import { findObject } from './object-operations.ts'
import { parseCopyRange } from './range.ts'
import { type Call, type Handler, bucketOf, xmlReply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { type StoredObject, etagOf } from './state.ts'
import { decode } from './target.ts'

const MAX_COPY_BYTES = 5 * 1024 ** 3

export const copyObject: Handler = (call) => {
  const { objects } = bucketOf(call)
  const source = copySource(call)
  if (source.body.byteLength > MAX_COPY_BYTES)
    throw new S3Error('InvalidRequest', 'The copy source is larger than 5 GiB')
  requireWriteConditions(call.headers, objects.get(call.key))
  const copy = describeCopy(call, source)
  objects.set(call.key, copy)
  return xmlReply('CopyObjectResult', { ETag: copy.etag, LastModified: copy.modifiedAt.toISOString() })
}

export const uploadPartCopy: Handler = (call) => {
  const { body } = copySource(call)
  const range = call.headers['x-amz-copy-source-range']
  // S3 API reference, UploadPartCopy: "You can copy a range only if the source object is greater than 5 MB."
  if (range !== undefined && body.byteLength <= call.minPartSizeBytes)
    throw new S3Error('InvalidRequest', 'The source of a range must be larger than the smallest part')
  const { start, end } =
    range === undefined ? { start: 0, end: body.byteLength - 1 } : parseCopyRange(range, body.byteLength)
  const part = storePart(call, body.subarray(start, end + 1))
  return xmlReply('CopyPartResult', {
    ETag: part.etag,
    LastModified: part.modifiedAt.toISOString(),
    ...checksumElements(part.checksums),
  })
}

/** The object that x-amz-copy-source names: `bucket/key`, percent-encoded. @throws S3Error */
function copySource(call: Call): StoredObject {
  const source = decode((call.headers['x-amz-copy-source'] ?? '').replace(/^\//, ''))
  const slash = source.indexOf('/')
  if (slash < 1) throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key')
  const object = findObject({
    buckets: call.buckets,
    bucket: source.slice(0, slash),
    key: source.slice(slash + 1),
  })
  requireCopyConditions(call.headers, object)
  return object
}

/** Metadata comes from the source (COPY) or the request (REPLACE); ACL and encryption never come from the source. */
function describeCopy(call: Call, source: StoredObject): StoredObject {
  const asked = parseDescription(call.headers)
  const replaces = isReplace(call, 'x-amz-metadata-directive')
  if (!replaces && bucketOf(call).objects.get(call.key) === source && Object.keys(asked.headers).length === 0)
    throw new S3Error('InvalidRequest', 'This copy onto itself changes nothing: it is illegal')
  return {
    body: source.body,
    etag: etagOf(source.body),
    modifiedAt: new Date(),
    contentType: replaces ? asked.contentType : source.contentType,
    headers: replaces ? asked.headers : { ...metadata(source.headers), ...withoutMetadata(asked.headers) },
    checksums: checksumsOfCopy(source),
    tags: isReplace(call, 'x-amz-tagging-directive') ? asked.tags : source.tags,
  }
}

function isReplace({ headers }: Call, name: string): boolean {
  const directive = headers[name] ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw new S3Error('InvalidArgument', `${name}: ${directive}`)
  return directive === 'REPLACE'
}

const NOT_METADATA = /^x-amz-(?:acl|server-side-encryption|storage-class)/

function metadata(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_METADATA.test(name)))
}

function withoutMetadata(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => NOT_METADATA.test(name)))
}
