import { randomUUID } from 'node:crypto'
import { GetObjectCommand, PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import type { S3Access } from '../support/s3-location.ts'
import { type S3Target, createTestBucket } from '../support/s3-servers.ts'

/** What a check has to work with: a bucket of its suite's own, and clients for it. */
export interface Probe {
  readonly access: S3Access
  /** Sends bodies with a length and without checksums, and never tries again. */
  readonly client: S3Client
  /** As the SDK is by default: CRC32 of every body, streams as aws-chunked with a trailer. */
  readonly defaultClient: S3Client
  readonly bucket: string
  readonly otherBucket: string
  /** A key that no other check uses. */
  readonly key: () => string
  readonly put: (key: string, content: Uint8Array | string) => Promise<void>
  readonly read: (key: string) => Promise<Buffer>
}

export type Checks = Readonly<Record<string, (s3: Probe) => Promise<void>>>

export async function openProbe(open: S3Target['open']): Promise<{ s3: Probe; close: () => Promise<void> }> {
  const access = await open()
  const [own, other] = [await createTestBucket(access), await createTestBucket(access)]
  const client = clientOf(access, 'WHEN_REQUIRED')
  const defaultClient = clientOf(access, 'WHEN_SUPPORTED')
  const s3: Probe = {
    access,
    client,
    defaultClient,
    bucket: own.bucket,
    otherBucket: other.bucket,
    key: () => `probe/${randomUUID()}`,
    put: async (Key, content) => {
      const Body = typeof content === 'string' ? Buffer.from(content) : content
      await client.send(new PutObjectCommand({ Bucket: own.bucket, Key, Body }))
    },
    read: async (Key) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: own.bucket, Key }))
      return Buffer.from((await Body?.transformToByteArray()) ?? [])
    },
  }
  const close = async (): Promise<void> => {
    await own.remove()
    await other.remove()
    client.destroy()
    defaultClient.destroy()
    await access.close()
  }
  return { s3, close }
}

function clientOf(
  { endpoint, region, ...credentials }: S3Access,
  checksums: 'WHEN_REQUIRED' | 'WHEN_SUPPORTED',
): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
  })
}

/** How a request was refused; code '(accepted)' if it was not. */
export async function refusalOf(attempt: Promise<unknown>): Promise<{ code: string; status: number }> {
  try {
    await attempt
    return { code: '(accepted)', status: 200 }
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error
    return { code: error.name, status: error.$metadata.httpStatusCode ?? 0 }
  }
}
