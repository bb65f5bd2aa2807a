import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type S3Request, type S3TestServer, startS3Server } from '../test/support/s3-test-server/server.ts'

// Starts Tusker on an S3 test server of its own, with two locations, and tells what happens in the buckets.

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const PAGE = fileURLToPath(new URL('../dist/page', import.meta.url))
const LOCATIONS = ['photos', 'archive']

/** What an S3 operation means to somebody who has never seen one. */
const MEANINGS: Readonly<Record<string, string>> = {
  AbortMultipartUpload: 'throw away the parts of an unfinished file',
  CompleteMultipartUpload: 'make the file out of its parts',
  CopyObject: 'copy an object',
  CreateMultipartUpload: 'begin a file that will come in parts',
  DeleteObject: 'remove an object',
  DeleteObjects: 'remove objects',
  GetObject: 'read an object',
  HeadBucket: 'is the bucket there?',
  HeadObject: 'is the object there?',
  ListMultipartUploads: 'which files are unfinished?',
  ListObjectsV2: 'which objects are there?',
  ListParts: 'which parts have arrived?',
  PutObject: 'write an object in one piece',
  UploadPart: 'store a part',
}

buildIfMissing()
const s3 = await startS3Server({ buckets: LOCATIONS, log: tell })
const pageUrl = `http://localhost:${process.env['PORT'] ?? '1080'}`
say(`An S3 server to try things out with is at ${s3.endpoint}: in memory, so nothing is kept.
Tusker starts on it with the locations ${LOCATIONS.join(' and ')}, a bucket each.

  1. Open ${pageUrl} and drop a file, best one of more than 10 MiB.
  2. Watch it arrive in parts below. Cut it off (reload the page) and go on.
  3. Ctrl-C ends everything.
`)
const server = startTusker(s3)

let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Once only: Tusker takes a second signal for "do not wait".
    if (!isStopping) server.kill('SIGTERM')
    isStopping = true
  })
}
server.on('exit', (code) => void s3.close().then(() => process.exit(isStopping ? 0 : (code ?? 1))))

function buildIfMissing(): void {
  if (existsSync(MAIN) && existsSync(PAGE)) return
  say('Building Tusker first (npm run build) …')
  const { status } = spawnSync('npm', ['run', 'build', '--silent'], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

function startTusker(access: S3TestServer): ChildProcess {
  const locations = LOCATIONS.flatMap((name) => Object.entries(locationEnv(name, access)))
  const env = {
    LOG_LEVEL: 'warn',
    ...process.env,
    STORAGE_LOCATIONS: LOCATIONS.join(','),
    ...Object.fromEntries(locations),
  }
  // In a process group of its own, or Ctrl-C in the terminal would reach it beside our signal.
  return spawn(process.execPath, [MAIN, 'serve'], { env, stdio: 'inherit', detached: true })
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

function tell(request: S3Request): void {
  const { operation, bucket, key, partNumber, bytesReceived, status } = request
  const what = [bucket, key].filter((name) => name !== '').join('/')
  const part = partNumber === undefined ? '' : ` part ${partNumber}`
  const size = isContent(operation) ? `, ${readableSize(bytesReceived)}` : ''
  const meaning = MEANINGS[operation] ?? 'something else'
  say(`S3  ${operation.padEnd(23)} ${meaning.padEnd(42)} ${what}${part}${size}: ${outcome(request, status)}`)
}

/** Whether what was sent are bytes of an object, not XML about it. */
function isContent(operation: string): boolean {
  return operation === 'PutObject' || operation === 'UploadPart'
}

function readableSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

function outcome({ operation }: S3Request, status: number): string {
  if (status === 0) return 'broken off'
  if (status === 404 && (operation.startsWith('Head') || operation === 'GetObject'))
    return '404, not there (yet)'
  return status < 300 ? `${status}, done` : `${status}, refused`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
