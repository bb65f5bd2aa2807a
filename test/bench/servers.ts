import { spawnSync } from 'node:child_process'
import { compiledPath, tuskerPath } from './compile-servers.ts'
import type { Command } from './processes.ts'

export type ServerName = 'stock' | 'tusker' | 'tusker-plain' | 'proxy' | 'tusd'

interface ServerNeeds {
  readonly port: number
  readonly s3Endpoint: string
  readonly partSizeBytes: number
  /** Only for Tusker, and only if it knows such a limit. */
  readonly uploadBufferMemory: string | undefined
}

export interface ServerKind {
  readonly name: ServerName
  readonly title: string
  readonly toCommand: (needs: ServerNeeds) => Command
  /** Why it can't run a case, by the case's name. */
  readonly unable: Readonly<Record<string, string>>
}

const BUCKET = 'bench'
const SECRET = 'bench'
const REGION = 'us-east-1'

const STOCK: ServerKind = {
  name: 'stock',
  title: '@tus/server + @tus/s3-store',
  toCommand: ({ port, s3Endpoint }) => ({
    command: process.execPath,
    args: [compiledPath('stock-server'), String(port), s3Endpoint, BUCKET],
  }),
  unable: {},
}

const TUSKER: ServerKind = {
  name: 'tusker',
  title: 'Tusker',
  toCommand: (needs) => ({
    command: process.execPath,
    args: [tuskerPath(), 'serve'],
    env: tuskerEnv(needs),
  }),
  unable: {},
}

/** What the checksum of every part costs. */
const TUSKER_PLAIN: ServerKind = {
  name: 'tusker-plain',
  title: 'Tusker, CHECKSUM=none',
  toCommand: (needs) => ({
    command: process.execPath,
    args: [tuskerPath(), 'serve'],
    env: { ...tuskerEnv(needs), STORAGE_S3_CHECKSUM: 'none' },
  }),
  unable: {},
}

const PROXY: ServerKind = {
  name: 'proxy',
  title: 'pass-through (floor)',
  toCommand: ({ port, s3Endpoint, partSizeBytes }) => ({
    command: process.execPath,
    args: [compiledPath('proxy-server'), String(port), s3Endpoint, BUCKET, String(partSizeBytes)],
  }),
  unable: { head: 'keeps nothing that a restart could find again' },
}

/** The servers that can be compared here: tusd only if TUSD_BINARY names it. */
export function knownServers(): readonly ServerKind[] {
  const tusd = process.env['TUSD_BINARY']
  return [STOCK, TUSKER, TUSKER_PLAIN, PROXY, ...(tusd === undefined || tusd === '' ? [] : [tusdKind(tusd)])]
}

function tuskerEnv({
  port,
  s3Endpoint,
  partSizeBytes,
  uploadBufferMemory,
}: ServerNeeds): Record<string, string> {
  const env = {
    HOST: '127.0.0.1',
    PORT: String(port),
    LOG_LEVEL: 'error',
    STORAGE_LOCATIONS: 's3',
    STORAGE_S3_DRIVER: 's3',
    STORAGE_S3_BUCKET: BUCKET,
    STORAGE_S3_KEY: SECRET,
    STORAGE_S3_SECRET: SECRET,
    STORAGE_S3_REGION: REGION,
    STORAGE_S3_ENDPOINT: s3Endpoint,
    STORAGE_S3_FORCE_PATH_STYLE: 'true',
    STORAGE_S3_TUS__CHUNK_SIZE: String(partSizeBytes),
  }
  if (uploadBufferMemory === undefined || !tuskerKnows('UPLOAD_BUFFER_MEMORY')) return env
  return { ...env, UPLOAD_BUFFER_MEMORY: uploadBufferMemory }
}

let tuskerConfig: string | undefined

function tuskerKnows(variable: string): boolean {
  tuskerConfig ??= spawnSync(process.execPath, [tuskerPath(), 'config'], { encoding: 'utf8', env: {} }).stdout
  return tuskerConfig.split('\n').some((line) => line.startsWith(`${variable}=`))
}

/** At its defaults but for the part size, which all servers here share (its own is 50 MiB). */
function tusdKind(binary: string): ServerKind {
  return {
    name: 'tusd',
    title: 'tusd',
    toCommand: ({ port, s3Endpoint, partSizeBytes }) => ({
      command: binary,
      args: [
        '-host=127.0.0.1',
        `-port=${port}`,
        `-s3-bucket=${BUCKET}`,
        `-s3-endpoint=${s3Endpoint}`,
        `-s3-part-size=${partSizeBytes}`,
        '-show-greeting=false',
        '-verbose=false',
      ],
      env: { AWS_ACCESS_KEY_ID: SECRET, AWS_SECRET_ACCESS_KEY: SECRET, AWS_REGION: REGION },
    }),
    unable: {},
  }
}
