import { randomUUID } from 'node:crypto'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  AbortMultipartUploadCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import type { S3Access } from './s3-location.ts'
import { startS3Server } from './s3-test-server/server.ts'

/** An S3 server that the suites run against. */
export interface S3Target {
  readonly name: string
  open(): Promise<S3Access & { close(): Promise<void> }>
}

const testServer: S3Target = { name: 'the S3 test server', open: () => startS3Server() }

/** Our own server and, where the environment names one, a real one. */
export function s3Targets(): readonly S3Target[] {
  const real = realS3()
  return real ? [testServer, real] : [testServer]
}

/** The real server that the environment names, if it does. @throws Error without one where nothing may be left out */
export function realS3(): S3Target | undefined {
  const { S3_PROBE_ENDPOINT: endpoint, S3_PROBE_ACCESS_KEY, S3_PROBE_SECRET_KEY, S3_PROBE_NAME } = process.env
  if (endpoint === undefined) return explainAbsence()
  const access = {
    endpoint,
    region: process.env['S3_PROBE_REGION'] ?? 'us-east-1',
    accessKeyId: S3_PROBE_ACCESS_KEY ?? '',
    secretAccessKey: S3_PROBE_SECRET_KEY ?? '',
    close: () => Promise.resolve(),
  }
  return { name: S3_PROBE_NAME ?? endpoint, open: () => Promise.resolve(access) }
}

function explainAbsence(): undefined {
  const why =
    'No real S3 server: S3 suites run on the test server only. Set S3_PROBE_ENDPOINT, as .ci/run does with Ceph.'
  if (process.env['TUSKER_TEST_ALL'] !== undefined) throw new Error(why)
  console.info(why)
}

export function s3Client({ endpoint, region, ...credentials }: S3Access): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

/** A bucket of the test's own, and how to get rid of it with all that is in it. */
export async function createTestBucket(
  access: S3Access,
): Promise<{ bucket: string; remove: () => Promise<void> }> {
  const client = s3Client(access)
  const bucket = `tusker-${randomUUID()}`
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  return {
    bucket,
    remove: async () => {
      await empty(client, bucket)
      await client.send(new DeleteBucketCommand({ Bucket: bucket }))
      client.destroy()
    },
  }
}

async function empty(client: S3Client, bucket: string): Promise<void> {
  const { Contents = [], IsTruncated } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
  await Promise.all(Contents.map(({ Key }) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key }))))
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
  for (const { Key, UploadId } of Uploads) {
    await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }))
  }
  if (IsTruncated === true) await empty(client, bucket)
}
