import { type Handler, bucketOf, xmlReply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { createBucket } from './state.ts'
import { parseXml } from './xml.ts'

const MAX_DELETIONS = 1000

/** "Bucket naming rules": 3 to 63 lower-case letters, digits, dots and hyphens, no IP address. */
const BUCKET_NAME = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

export const listBuckets: Handler = ({ buckets }) =>
  xmlReply('ListAllMyBucketsResult', {
    Owner: { ID: 'test', DisplayName: 'test' },
    Buckets: {
      Bucket: [...buckets.values()].map(({ name, createdAt }) => ({
        Name: name,
        CreationDate: createdAt.toISOString(),
      })),
    },
  })

export const createBucketOperation: Handler = ({ buckets, bucket, region }) => {
  if (!BUCKET_NAME.test(bucket)) throw new S3Error('InvalidBucketName')
  // us-east-1 answers 200 for a bucket that is one's own already, all other regions 409 (CreateBucket, "Errors").
  if (buckets.has(bucket) && region !== 'us-east-1') throw new S3Error('BucketAlreadyOwnedByYou')
  if (!buckets.has(bucket)) buckets.set(bucket, createBucket(bucket))
  return { status: 200, headers: { location: `/${bucket}` } }
}

export const headBucket: Handler = (call) => {
  bucketOf(call)
  return { status: 200, headers: { 'x-amz-bucket-region': call.region } }
}

export const getBucketLocation: Handler = (call) => {
  bucketOf(call)
  return xmlReply('LocationConstraint', call.region === 'us-east-1' ? '' : call.region)
}

export const deleteBucket: Handler = (call) => {
  if (bucketOf(call).objects.size > 0) throw new S3Error('BucketNotEmpty')
  call.buckets.delete(call.bucket)
  return { status: 204 }
}

export const deleteObjects: Handler = (call) => {
  const { objects } = bucketOf(call)
  // "The Content-MD5 header is required for all Multi-Object Delete requests", or one of the newer checksums.
  if (call.headers['content-md5'] === undefined && Object.keys(call.checksums).length === 0)
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5')
  const { Delete } = parseXml(call.body)
  const { Object: entries = [], Quiet } = (Delete || {}) as { Object?: { Key?: string }[]; Quiet?: string }
  const keys = entries.map(({ Key }) => Key ?? '')
  if (keys.length === 0 || keys.length > MAX_DELETIONS || keys.includes('')) throw new S3Error('MalformedXML')
  for (const key of keys) objects.delete(key)
  return xmlReply('DeleteResult', Quiet === 'true' ? {} : { Deleted: keys.map((Key) => ({ Key })) })
}
