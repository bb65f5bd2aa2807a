import {
  AbortMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { startS3FaultProxy } from './s3-fault-proxy.ts'
import type { S3Access } from './s3-location.ts'
import { type S3Target, createTestBucket, realS3, s3Client } from './s3-servers.ts'
import type { FaultRule, InjectedFault } from './s3-test-server/faults.ts'
import {
  type S3Request,
  type S3ServerOptions,
  type S3TestServer,
  startS3Server,
} from './s3-test-server/server.ts'

/** An S3 server whose answers to `access` a test can spoil; what the test itself looks at or changes never fails. */
export interface FaultyS3 {
  readonly access: S3Access
  /** Everything that was asked through `access`, in the order of the answers. */
  readonly requests: readonly S3Request[]
  inject(rule: FaultRule): InjectedFault
  /** Nothing fails any more, and nothing that a fault held back is still to come. */
  calm(): Promise<void>
  object(bucket: string, key: string): Promise<FoundObject | undefined>
  putObject(bucket: string, key: string, body: Buffer): Promise<void>
  keys(bucket: string): Promise<string[]>
  /** The keys of those that are open. */
  multipartUploads(bucket: string): Promise<string[]>
  /** Aborts what is open for a key, as a lifecycle rule would. */
  abortMultipartUpload(bucket: string, key: string): Promise<void>
  createBucket(): ReturnType<typeof createTestBucket>
  close(): Promise<void>
}

interface FoundObject {
  readonly body: Buffer
  readonly contentType: string | undefined
}

export interface FaultyS3Target {
  readonly name: string
  open(): Promise<FaultyS3>
}

/** Our own server and, where the environment names one, a real one behind a proxy that injects the faults. */
export function faultyS3Targets(): readonly FaultyS3Target[] {
  const own = testServerTarget()
  const real = realS3()
  if (real === undefined) return [own]
  return [
    own,
    { name: `${real.name} behind a proxy`, open: async () => await behindProxy(await real.open()) },
  ]
}

export function testServerTarget(options: S3ServerOptions = {}): FaultyS3Target {
  return { name: 'the S3 test server', open: async () => faultyTestServer(await startS3Server(options)) }
}

/** Looks straight into its memory. */
function faultyTestServer(server: S3TestServer): FaultyS3 {
  return {
    access: server,
    requests: server.requests,
    inject: (rule) => server.faults.inject(rule),
    calm: () => Promise.resolve(server.faults.clear()),
    object: (bucket, key) => Promise.resolve(server.objects(bucket).get(key)),
    putObject: async (bucket, key, body) => await put(s3Client(server), bucket, key, body),
    keys: (bucket) => Promise.resolve([...server.objects(bucket).keys()]),
    multipartUploads: (bucket) => Promise.resolve(server.multipartUploads(bucket).map(({ key }) => key)),
    abortMultipartUpload: (bucket, key) => Promise.resolve(server.abortMultipartUpload(bucket, key)),
    createBucket: async () => await createTestBucket(server),
    close: () => server.close(),
  }
}

/** Looks past the proxy. */
async function behindProxy(direct: Awaited<ReturnType<S3Target['open']>>): Promise<FaultyS3> {
  const proxy = await startS3FaultProxy(direct.endpoint)
  const client = s3Client(direct)
  return {
    access: { ...direct, endpoint: proxy.endpoint },
    requests: proxy.requests,
    inject: (rule) => proxy.inject(rule),
    calm: () => proxy.calm(),
    object: async (bucket, key) => await get(client, bucket, key),
    putObject: async (bucket, key, body) => await put(client, bucket, key, body),
    keys: async (Bucket) => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
      return Contents.map(({ Key = '' }) => Key)
    },
    multipartUploads: async (bucket) => (await openUploads(client, bucket)).map(({ Key = '' }) => Key),
    abortMultipartUpload: async (Bucket, key) => {
      const found = (await openUploads(client, Bucket)).filter(({ Key }) => Key === key)
      for (const { Key, UploadId } of found)
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
    },
    createBucket: async () => await createTestBucket(direct),
    close: async () => {
      await proxy.close()
      client.destroy()
      await direct.close()
    },
  }
}

async function get(client: S3Client, Bucket: string, Key: string): Promise<FoundObject | undefined> {
  try {
    const { Body, ContentType } = await client.send(new GetObjectCommand({ Bucket, Key }))
    return { body: Buffer.from((await Body?.transformToByteArray()) ?? []), contentType: ContentType }
  } catch (error) {
    if (error instanceof NoSuchKey) return undefined
    throw error
  }
}

async function put(client: S3Client, Bucket: string, Key: string, Body: Buffer): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket, Key, Body }))
}

async function openUploads(client: S3Client, Bucket: string) {
  return (await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []
}
