import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { createTestBucket, s3Client, s3Targets, type S3Target } from './s3-servers.ts'
import type { S3Access } from './s3-location.ts'

/** A storage for the built server: its configuration, and a look at what it holds. */
export interface E2eBackend {
  readonly env: Readonly<Record<string, string>>
  /** Fails if an unfinished multipart upload, `.part` or temporary object is left. */
  expectNoRemains(): Promise<void>
  close(): Promise<void>
}

type OpenBackend = (directory: string) => Promise<E2eBackend>

/** A local location, and an S3 location on every S3 server at hand. */
export const E2E_BACKENDS: readonly (readonly [name: string, open: OpenBackend])[] = [
  ['a local location', openLocal],
  ...s3Targets().map((target) => [`an S3 location on ${target.name}`, () => openS3(target)] as const),
]

function openLocal(directory: string): Promise<E2eBackend> {
  return Promise.resolve({
    env: {},
    expectNoRemains: async () => {
      const names = await readdir(join(directory, 'data'))
      // A partial upload that was used is kept for a while, with its marks.
      expect(names.filter((name) => !/^[0-9a-f]{32}(\.(info|partial|used))?$/.test(name))).toEqual([])
    },
    close: () => Promise.resolve(),
  })
}

async function openS3(target: S3Target): Promise<E2eBackend> {
  const access = await target.open()
  const { bucket, remove } = await createTestBucket(access)
  return {
    env: s3Environment(access, bucket),
    expectNoRemains: async () => await expectNoParts(access, bucket),
    close: async () => {
      await remove()
      await access.close()
    },
  }
}

/** The five variables of the README, and where the server is. */
export function s3Environment(access: S3Access, bucket: string): Record<string, string> {
  return {
    STORAGE_LOCATIONS: 's3',
    STORAGE_S3_DRIVER: 's3',
    STORAGE_S3_BUCKET: bucket,
    STORAGE_S3_KEY: access.accessKeyId,
    STORAGE_S3_SECRET: access.secretAccessKey,
    STORAGE_S3_REGION: access.region,
    STORAGE_S3_ENDPOINT: access.endpoint,
    STORAGE_S3_FORCE_PATH_STYLE: 'true',
  }
}

export async function expectNoParts(access: S3Access, bucket: string): Promise<void> {
  const client = s3Client(access)
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
  client.destroy()
  expect(Contents.map(({ Key = '' }) => Key).filter((key) => /\.part(\.\d+)?$/.test(key))).toEqual([])
  expect(Uploads).toEqual([])
}
