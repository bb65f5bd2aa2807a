import { type Call, type Handler, bucketOf, xmlReply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import type { StoredObject } from './state.ts'
import { encode } from './target.ts'

/** No listing has more entries than this in one answer. */
const MAX_ENTRIES = 1000

/** How many entries a request wants. @throws S3Error InvalidArgument */
export function maxEntriesOf({ query }: Call, parameter: string): number {
  const asked = query.get(parameter) ?? String(MAX_ENTRIES)
  if (!/^\d+$/.test(asked)) throw new S3Error('InvalidArgument', `${parameter}: ${asked}`)
  return Math.min(Number(asked), MAX_ENTRIES)
}

/** The first `maxEntries` of what is left to list; of none, a page is never truncated. */
export function pageOf<Entry>(
  { listingFaults }: Call,
  entries: readonly Entry[],
  maxEntries: number,
): { page: readonly Entry[]; isTruncated: boolean } {
  const page = entries.slice(0, Math.min(maxEntries, listingFaults.maxEntries))
  return { page, isTruncated: page.length > 0 && entries.length > page.length }
}

/** The order of S3 listings: by the bytes of UTF-8, which is not the order of JavaScript strings. */
function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** encoding-type=url: names may have characters that XML can't carry. @throws S3Error InvalidArgument */
function nameEncoder({ query }: Call): (name: string) => string {
  const type = query.get('encoding-type')
  if (type === null) return (name) => name
  if (type !== 'url') throw new S3Error('InvalidArgument', `encoding-type: ${type}`)
  return (name) => encode(name).replaceAll('%2F', '/').replaceAll('%2A', '*').replaceAll('%20', '+')
}

/** A key, or the common start of many. */
interface Entry {
  readonly name: string
  readonly object: StoredObject | undefined
}

export const listObjects: Handler = (call) => {
  const { query } = call
  const encodeName = nameEncoder(call)
  const maxKeys = maxEntriesOf(call, 'max-keys')
  const { page, isTruncated } = pageOf(call, entriesOf(call), maxKeys)
  const echo = (name: string): string | undefined => query.get(name) ?? undefined
  return xmlReply('ListBucketResult', {
    Name: call.bucket,
    Prefix: encodeName(query.get('prefix') ?? ''),
    Delimiter: query.has('delimiter') ? encodeName(query.get('delimiter') ?? '') : undefined,
    StartAfter: query.has('start-after') ? encodeName(query.get('start-after') ?? '') : undefined,
    EncodingType: echo('encoding-type'),
    ContinuationToken: echo('continuation-token'),
    NextContinuationToken: isTruncated ? tokenOf(page.at(-1)?.name ?? '') : undefined,
    KeyCount: page.length,
    MaxKeys: maxKeys,
    IsTruncated: isTruncated,
    Contents: page.flatMap(({ name, object }) => (object ? [describeEntry(encodeName(name), object)] : [])),
    CommonPrefixes: page.flatMap(({ name, object }) => (object ? [] : [{ Prefix: encodeName(name) }])),
  })
}

/** What is left to list: keys that start with the prefix, rolled up at the delimiter, behind start-after and the token. */
function entriesOf(call: Call): Entry[] {
  const { query } = call
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const startAfter = query.get('start-after') ?? ''
  const token = nameInToken(query.get('continuation-token'))
  const entries = new Map<string, Entry>()
  for (const [key, object] of bucketOf(call).objects.past(call.listingFaults.writesAgo)) {
    if (!key.startsWith(prefix) || compareKeys(key, startAfter) <= 0) continue
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const name = end === -1 ? key : key.slice(0, end + delimiter.length)
    if (compareKeys(name, token) > 0) entries.set(name, { name, object: end === -1 ? object : undefined })
  }
  return [...entries.values()].toSorted((a, b) => compareKeys(a.name, b.name))
}

function describeEntry(key: string, { modifiedAt, etag, body }: StoredObject) {
  return {
    Key: key,
    LastModified: modifiedAt.toISOString(),
    ETag: etag,
    Size: body.byteLength,
    StorageClass: 'STANDARD',
  }
}

// Tokens mean nothing to clients: nobody may take one for a key, or a key for one.
function tokenOf(name: string): string {
  return Buffer.from(`token:${name}`).toString('base64url')
}

function nameInToken(token: string | null): string {
  if (token === null) return ''
  const text = Buffer.from(token, 'base64url').toString()
  if (!text.startsWith('token:'))
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect')
  return text.slice('token:'.length)
}

export const listMultipartUploads: Handler = (call) => {
  const { query } = call
  if (query.has('delimiter'))
    throw new S3Error('NotImplemented', 'This test server does not do: ListMultipartUploads with a delimiter')
  const encodeName = nameEncoder(call)
  const keyMarker = query.get('key-marker') ?? ''
  const maxUploads = maxEntriesOf(call, 'max-uploads')
  const { page, isTruncated } = pageOf(call, openUploads(call), maxUploads)
  return xmlReply('ListMultipartUploadsResult', {
    Bucket: call.bucket,
    Prefix: encodeName(query.get('prefix') ?? ''),
    KeyMarker: encodeName(keyMarker),
    UploadIdMarker: query.get('upload-id-marker') ?? '',
    EncodingType: query.get('encoding-type') ?? undefined,
    MaxUploads: maxUploads,
    IsTruncated: isTruncated,
    NextKeyMarker: isTruncated ? encodeName(page.at(-1)?.key ?? '') : undefined,
    NextUploadIdMarker: isTruncated ? page.at(-1)?.uploadId : undefined,
    Upload: page.map(({ key, uploadId, initiatedAt }) => ({
      Key: encodeName(key),
      UploadId: uploadId,
      Initiated: initiatedAt.toISOString(),
      StorageClass: 'STANDARD',
    })),
  })
}

/** What is left to list, behind the markers; the one of upload ids counts only with the one of keys. */
function openUploads(call: Call) {
  const { query } = call
  const prefix = query.get('prefix') ?? ''
  const keyMarker = query.get('key-marker') ?? ''
  const idMarker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '')
  return [...bucketOf(call).uploads.values()]
    .filter(({ key, isCompleted }) => !isCompleted && key.startsWith(prefix))
    .filter(({ key, uploadId }) => {
      const order = compareKeys(key, keyMarker)
      return order > 0 || (order === 0 && idMarker !== '' && uploadId > idMarker)
    })
    .toSorted((a, b) => compareKeys(a.key, b.key) || compareKeys(a.uploadId, b.uploadId))
}
