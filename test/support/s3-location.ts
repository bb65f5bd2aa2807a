import { tmpdir } from 'node:os'
import type { Driver } from '../../src/core/driver.ts'
import { BufferMemory } from '../../src/storage/buffers/buffer-memory.ts'
import type { BufferSpace } from '../../src/storage/buffers/part-buffer.ts'
import { openDriver } from '../../src/storage/drivers/s3/driver.ts'
import type { S3Options } from '../../src/storage/drivers/s3/options.ts'

/** Where a bucket is and who may use it. */
export interface S3Access {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Memory for the bytes of a test, with room for all of them. */
export function testBufferSpace(memoryBytes = 256 * 1024 ** 2): BufferSpace {
  return { memory: new BufferMemory(memoryBytes), spillDirectory: tmpdir() }
}

/** Options as the configuration would give them, for a bucket of a test server. */
export function s3Options(access: S3Access, bucket: string, overrides: Partial<S3Options> = {}): S3Options {
  return {
    bucket,
    credentials: { accessKeyId: access.accessKeyId, secretAccessKey: access.secretAccessKey },
    region: access.region,
    endpoint: access.endpoint,
    root: '',
    forcePathStyle: true,
    acl: undefined,
    serverSideEncryption: undefined,
    serverSideEncryptionKmsKeyId: undefined,
    connectionTimeoutMs: 5_000,
    socketTimeoutMs: 120_000,
    maxSockets: 500,
    keepAlive: true,
    checksum: 'auto',
    tus: { chunkSizeBytes: 5 * 1024 ** 2, equalParts: false },
    ...overrides,
  }
}

export async function openS3Location(
  access: S3Access,
  bucket: string,
  overrides: Partial<S3Options> = {},
): Promise<Driver> {
  return await openDriver(s3Options(access, bucket, overrides), testBufferSpace())
}
