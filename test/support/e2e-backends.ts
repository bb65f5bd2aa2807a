import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startS3Server } from './s3-test-server/server.ts'

/** A storage for the built server: its configuration, and a look at what it holds. */
export interface E2eBackend {
  readonly env: Readonly<Record<string, string>>
  /** Fails if an unfinished multipart upload, `.part` or temporary object is left. */
  expectNoRemains(): Promise<void>
  close(): Promise<void>
}

export const E2E_BACKENDS: readonly (readonly [
  name: string,
  open: (directory: string) => Promise<E2eBackend>,
])[] = [
  ['a local location', openLocal],
  ['an S3 location', openS3],
]

function openLocal(directory: string): Promise<E2eBackend> {
  return Promise.resolve({
    env: {},
    expectNoRemains: async () => {
      const names = await readdir(join(directory, 'data'))
      expect(names.filter((name) => !/^[0-9a-f]{32}(\.info)?$/.test(name))).toEqual([])
    },
    close: () => Promise.resolve(),
  })
}

async function openS3(): Promise<E2eBackend> {
  const s3 = await startS3Server({ buckets: ['uploads'] })
  return {
    env: {
      STORAGE_LOCATIONS: 's3',
      STORAGE_S3_DRIVER: 's3',
      STORAGE_S3_BUCKET: 'uploads',
      STORAGE_S3_KEY: s3.accessKeyId,
      STORAGE_S3_SECRET: s3.secretAccessKey,
      STORAGE_S3_REGION: s3.region,
      STORAGE_S3_ENDPOINT: s3.endpoint,
      STORAGE_S3_FORCE_PATH_STYLE: 'true',
    },
    expectNoRemains: () => {
      expect([...s3.objects('uploads').keys()].filter((key) => key.endsWith('.part'))).toEqual([])
      expect(s3.multipartUploads('uploads')).toEqual([])
      return Promise.resolve()
    },
    close: () => s3.close(),
  }
}
