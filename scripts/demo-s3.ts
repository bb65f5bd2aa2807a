import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type S3Request, type S3TestServer, startS3Server } from '../test/support/s3-test-server/server.ts'

// Starts Tusker on an S3 test server of its own, with two locations, and tells what happens in the buckets.

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const LOCATIONS = ['photos', 'archive']

/** What an S3 operation means to somebody who has never seen one. */
const MEANINGS: Readonly<Record<string, string>> = {
  AbortMultipartUpload: 'throws away the parts of an unfinished file',
  CompleteMultipartUpload: 'makes the file out of its parts',
  CreateMultipartUpload: 'begins a file that will come in parts',
  DeleteObject: 'removes an object',
  GetObject: 'reads an object',
  HeadBucket: 'asks whether the bucket is there',
  HeadObject: 'looks whether an object is there',
  ListObjectsV2: 'lists objects',
  ListParts: 'lists the parts that have arrived',
  PutObject: 'writes an object',
  UploadPart: 'stores a part',
}

if (!existsSync(MAIN)) throw new Error('Build the server first: npm run build')
const s3 = await startS3Server({ buckets: LOCATIONS, log: tell })
const server = startTusker(s3)
say(`An S3 server for trying things out is at ${s3.endpoint} (in memory: nothing is kept).`)
say('Open the page that Tusker names below and drop a file, best one of more than 5 MiB. Ctrl-C ends it.\n')

let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isStopping = true
    server.kill('SIGTERM')
  })
}
server.on('exit', (code) => void s3.close().then(() => process.exit(isStopping ? 0 : (code ?? 1))))

function startTusker(access: S3TestServer): ChildProcess {
  const locations = LOCATIONS.flatMap((name) => Object.entries(locationEnv(name, access)))
  const env = {
    ...process.env,
    STORAGE_LOCATIONS: LOCATIONS.join(','),
    ...Object.fromEntries(locations),
    LOG_LEVEL: 'warn',
  }
  return spawn(process.execPath, [MAIN, 'serve'], { env, stdio: 'inherit' })
}

function locationEnv(name: string, access: S3TestServer): Record<string, string> {
  const prefix = `STORAGE_${name.toUpperCase()}_`
  return {
    [`${prefix}DRIVER`]: 's3',
    [`${prefix}BUCKET`]: name,
    [`${prefix}KEY`]: access.accessKeyId,
    [`${prefix}SECRET`]: access.secretAccessKey,
    [`${prefix}REGION`]: access.region,
    [`${prefix}ENDPOINT`]: access.endpoint,
    [`${prefix}FORCE_PATH_STYLE`]: 'true',
  }
}

function tell({ operation, bucket, key, partNumber, bytesReceived, status }: S3Request): void {
  const what = [bucket, key].filter((part) => part !== '').join('/')
  const part = partNumber === undefined ? '' : ` part ${partNumber}`
  const size = bytesReceived === 0 ? '' : `, ${(bytesReceived / 1024).toFixed(1)} KiB`
  const meaning = MEANINGS[operation] ?? ''
  say(`  S3  ${operation.padEnd(24)} ${what}${part}${size} → ${status}  ${meaning}`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
