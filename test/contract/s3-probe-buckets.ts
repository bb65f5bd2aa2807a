import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketLocationCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { type Checks, refusalOf } from './s3-probe-context.ts'

const MISSING = 'tusker-there-is-no-such-bucket'

export const BUCKET_CHECKS = {
  'a bucket that was created is found by HEAD and in the list of buckets': async ({ client, bucket }) => {
    await client.send(new HeadBucketCommand({ Bucket: bucket }))
    const { Buckets = [] } = await client.send(new ListBucketsCommand({}))
    expect(Buckets.map(({ Name }) => Name)).toContain(bucket)
  },
  'HEAD of a bucket that is not there is 404': async ({ client }) => {
    const refusal = await refusalOf(client.send(new HeadBucketCommand({ Bucket: MISSING })))
    expect(refusal.status).toBe(404)
  },
  'PutObject into a bucket that is not there is NoSuchBucket': async ({ client }) => {
    const put = new PutObjectCommand({ Bucket: MISSING, Key: 'x', Body: 'x' })
    expect(await refusalOf(client.send(put))).toEqual({ code: 'NoSuchBucket', status: 404 })
  },
  'a bucket that has objects is not deleted': async ({ client, bucket, put, key }) => {
    await put(key(), 'x')
    const refusal = await refusalOf(client.send(new DeleteBucketCommand({ Bucket: bucket })))
    expect(refusal).toEqual({ code: 'BucketNotEmpty', status: 409 })
  },
  'creating a bucket of one’s own once more changes nothing in us-east-1': async (s3) => {
    const key = s3.key()
    await s3.put(key, 'kept')
    await s3.client.send(new CreateBucketCommand({ Bucket: s3.bucket }))
    expect((await s3.read(key)).toString()).toBe('kept')
  },
  'the location of a bucket in us-east-1 is empty': async ({ client, bucket }) => {
    const { LocationConstraint = '' } = await client.send(new GetBucketLocationCommand({ Bucket: bucket }))
    expect(LocationConstraint).toBe('')
  },
} satisfies Checks
