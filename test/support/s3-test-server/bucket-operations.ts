import { type Handler, bucketOf, xmlReply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { createBucket } from './state.ts'
import { parseXml } from './xml.ts'

const DEFAULT_PAGE = 1000

export const listBuckets: Handler = ({ buckets }) =>
  xmlReply('ListAllMyBucketsResult', {
    Buckets: {
      Bucket: [...buckets.values()].map(({ name, createdAt }) => ({
        Name: name,
        CreationDate: createdAt.toISOString(),
      })),
    },
  })

export const createBucketOperation: Handler = ({ buckets, bucket }) => {
  if (buckets.has(bucket)) throw new S3Error('BucketAlreadyOwnedByYou')
  buckets.set(bucket, createBucket(bucket))
  return { status: 200, headers: { location: `/${bucket}` } }
}

export const headBucket: Handler = (call) => {
  bucketOf(call)
  return { status: 200 }
}

export const getBucketLocation: Handler = (call) => {
  bucketOf(call)
  return xmlReply('LocationConstraint', '')
}

export const deleteBucket: Handler = (call) => {
  if (bucketOf(call).objects.size > 0) throw new S3Error('BucketNotEmpty')
  call.buckets.delete(call.bucket)
  return { status: 204 }
}

export const listObjects: Handler = (call) => {
  const { query } = call
  const prefix = query.get('prefix') ?? ''
  const after = query.get('continuation-token') ?? query.get('start-after') ?? ''
  const maxKeys = Number(query.get('max-keys') ?? DEFAULT_PAGE)
  const encode = query.get('encoding-type') === 'url' ? encodeURIComponent : (text: string) => text
  const entries = groupByDelimiter(call, prefix, query.get('delimiter') ?? '').filter(
    ({ name }) => name > after,
  )
  const page = entries.slice(0, Math.min(maxKeys, DEFAULT_PAGE))
  const isTruncated = entries.length > page.length
  return xmlReply('ListBucketResult', {
    Name: call.bucket,
    Prefix: encode(prefix),
    KeyCount: page.length,
    MaxKeys: maxKeys,
    IsTruncated: isTruncated,
    NextContinuationToken: isTruncated ? page.at(-1)?.name : undefined,
    Contents: page.filter(({ isPrefix }) => !isPrefix).map(({ name }) => describeObject(call, name, encode)),
    CommonPrefixes: page.filter(({ isPrefix }) => isPrefix).map(({ name }) => ({ Prefix: encode(name) })),
  })
}

function groupByDelimiter(
  call: Parameters<Handler>[0],
  prefix: string,
  delimiter: string,
): { name: string; isPrefix: boolean }[] {
  const names = new Map<string, boolean>()
  for (const key of bucketOf(call).objects.keys()) {
    if (!key.startsWith(prefix)) continue
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    if (end === -1) names.set(key, false)
    else names.set(key.slice(0, end + delimiter.length), true)
  }
  return [...names]
    .map(([name, isPrefix]) => ({ name, isPrefix }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function describeObject(call: Parameters<Handler>[0], key: string, encode: (text: string) => string) {
  const object = bucketOf(call).objects.get(key)
  return {
    Key: encode(key),
    LastModified: object?.modifiedAt.toISOString(),
    ETag: object?.etag,
    Size: object?.body.byteLength,
    StorageClass: 'STANDARD',
  }
}

export const deleteObjects: Handler = (call) => {
  const { Delete } = parseXml(call.body)
  const { Object: entries = [], Quiet } = (Delete ?? {}) as { Object?: { Key: string }[]; Quiet?: string }
  if (entries.length === 0 || entries.length > DEFAULT_PAGE) throw new S3Error('MalformedXML')
  const { objects } = bucketOf(call)
  for (const { Key } of entries) objects.delete(Key)
  return xmlReply('DeleteResult', Quiet === 'true' ? {} : { Deleted: entries.map(({ Key }) => ({ Key })) })
}

export const listMultipartUploads: Handler = (call) => {
  const { query } = call
  const prefix = query.get('prefix') ?? ''
  const marker = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? ''] as const
  const maxUploads = Number(query.get('max-uploads') ?? DEFAULT_PAGE)
  const open = [...bucketOf(call).uploads.values()]
    .filter(({ key, isCompleted }) => !isCompleted && key.startsWith(prefix))
    .filter(
      ({ key, uploadId }) =>
        key > marker[0] || (key === marker[0] && marker[1] !== '' && uploadId > marker[1]),
    )
    .toSorted((a, b) => (a.key === b.key ? (a.uploadId < b.uploadId ? -1 : 1) : a.key < b.key ? -1 : 1))
  const page = open.slice(0, maxUploads)
  const last = open.length > page.length ? page.at(-1) : undefined
  return xmlReply('ListMultipartUploadsResult', {
    Bucket: call.bucket,
    Prefix: prefix,
    MaxUploads: maxUploads,
    IsTruncated: last !== undefined,
    NextKeyMarker: last?.key,
    NextUploadIdMarker: last?.uploadId,
    Upload: page.map(({ key, uploadId, initiatedAt }) => ({
      Key: key,
      UploadId: uploadId,
      Initiated: initiatedAt.toISOString(),
    })),
  })
}
