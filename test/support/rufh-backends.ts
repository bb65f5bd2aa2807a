import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunningApp, startApp } from './start-app.ts'
import { type S3TestServer, startS3Server } from './s3-test-server/server.ts'
import { eventually } from './tus-test-server.ts'

/** The whole app over one storage. */
export interface RufhBackend {
  readonly app: RunningApp
  /** Undefined for a local location. */
  readonly s3: S3TestServer | undefined
  /** Every file or object that there is. */
  readonly names: () => Promise<ReadonlySet<string>>
  readonly close: () => Promise<void>
}

type Settings = Readonly<Record<string, string>>

const S3_BUCKET = 'uploads'

export const RUFH_BACKENDS: readonly (readonly [
  name: string,
  open: (env?: Settings) => Promise<RufhBackend>,
])[] = [
  ['a local location', openLocal],
  ['an S3 location', openS3],
]

export async function openLocal(env: Settings = {}): Promise<RufhBackend> {
  const app = await startApp({ env })
  return {
    app,
    s3: undefined,
    names: async () => new Set(await readdir(join(app.root, 'local')).catch(() => [])),
    close: () => app.close(),
  }
}

export async function openS3(env: Settings = {}): Promise<RufhBackend & { readonly s3: S3TestServer }> {
  const s3 = await startS3Server({ buckets: [S3_BUCKET] })
  const app = await startApp({
    env: {
      STORAGE_LOCATIONS: 's3',
      STORAGE_S3_DRIVER: 's3',
      STORAGE_S3_BUCKET: S3_BUCKET,
      STORAGE_S3_KEY: s3.accessKeyId,
      STORAGE_S3_SECRET: s3.secretAccessKey,
      STORAGE_S3_REGION: s3.region,
      STORAGE_S3_ENDPOINT: s3.endpoint,
      STORAGE_S3_FORCE_PATH_STYLE: 'true',
      ...env,
    },
  })
  return {
    app,
    s3,
    names: () => Promise.resolve(new Set(s3.objects(S3_BUCKET).keys())),
    close: async () => {
      await app.close()
      await s3.close()
    },
  }
}

/** Does something to a server that begins an upload without an answer; the path of that upload, once it is recorded. */
export async function pathOfBegun({ names, s3 }: RufhBackend, begin: () => Promise<void>): Promise<string> {
  const before = await names()
  await begin()
  let record: string | undefined
  await eventually(async () => {
    record = [...(await names())].find((name) => name.endsWith('.info') && !before.has(name))
    return record !== undefined
  })
  return `/files/${s3 ? 's3' : 'local'}/${record?.replace('.info', '')}`
}
