import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Operation } from '../support/s3-test-server/operation.ts'
import { type S3Request, type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import type { MultipartUpload, StoredObject } from '../support/s3-test-server/state.ts'
import { type RunningServer, startServer } from '../support/start-server.ts'
import { type Line, openLine } from './line.ts'

const BUCKET = 'faults'

/** What a run wants to hear of the S3 test server. */
interface Listener {
  readonly arrived: (operation: Operation) => void
  readonly answered: (request: S3Request) => void
}

const NOBODY: Listener = { arrived: () => undefined, answered: () => undefined }

/** An S3 test server, a Tusker process on it and the line to that; runs use it one after the other. */
export class Lane {
  readonly s3: S3TestServer
  readonly line: Line
  readonly #directory: string
  readonly #listener: { current: Listener }
  #server: RunningServer
  #restart: Promise<void> = Promise.resolve()
  #isDown = false

  private constructor(parts: {
    s3: S3TestServer
    line: Line
    directory: string
    server: RunningServer
    listener: { current: Listener }
  }) {
    this.s3 = parts.s3
    this.line = parts.line
    this.#directory = parts.directory
    this.#server = parts.server
    this.#listener = parts.listener
    // Whoever interrupts the harness gets no servers that go on for ever.
    process.on('exit', this.#abandon)
  }

  readonly #abandon = (): void => this.#server.signal('SIGKILL')

  static async open(): Promise<Lane> {
    const listener = { current: NOBODY }
    const s3 = await startS3Server({
      buckets: [BUCKET],
      arrived: (operation) => listener.current.arrived(operation),
      log: (request) => listener.current.answered(request),
    })
    const line = await openLine()
    const directory = await mkdtemp(join(tmpdir(), 'tusker-faults-'))
    await mkdir(join(directory, 'tmp'))
    const server = await startTusker(s3, directory)
    line.setServerPort(server.port)
    return new Lane({ s3, line, directory, server, listener })
  }

  get uploadsUrl(): string {
    return `${this.line.url}/files`
  }

  get objects(): Map<string, StoredObject> {
    return this.s3.objects(BUCKET)
  }

  get multipartUploads(): MultipartUpload[] {
    return this.s3.multipartUploads(BUCKET)
  }

  abortMultipartUpload(key: string): void {
    this.s3.abortMultipartUpload(BUCKET, key)
  }

  /** Whom the S3 test server tells of its requests from now on. */
  listen(listener: Listener = NOBODY): void {
    this.#listener.current = listener
  }

  /** What Tusker has printed since its last start. */
  output(): string {
    return this.#server.output()
  }

  /** kill -9, at once, unless it is down already; `ready` waits for the restart. */
  kill(downMs: number): void {
    if (this.#isDown) return
    this.#isDown = true
    this.line.setServerPort(undefined)
    this.#restart = this.#start(this.#server.kill9(), downMs)
  }

  async #start(killed: Promise<void>, downMs: number): Promise<void> {
    await killed
    await sleep(downMs)
    this.#server = await startTusker(this.s3, this.#directory)
    this.#isDown = false
    this.line.setServerPort(this.#server.port)
  }

  /** Resolves when Tusker runs, also after a kill. */
  async ready(): Promise<void> {
    await this.#restart
  }

  async temporaryFiles(): Promise<string[]> {
    return await readdir(join(this.#directory, 'tmp'))
  }

  /** Forgets whatever a run has left, in memory too: the test server remembers what was overwritten. */
  wipe(): void {
    this.s3.emptyBucket(BUCKET)
    this.s3.clearRequests()
  }

  async close(): Promise<void> {
    await this.ready()
    this.s3.faults.clear()
    await this.#server.kill9()
    process.off('exit', this.#abandon)
    await this.line.close()
    await this.s3.close()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** Everything that Tusker waits for is short, or 500 runs would take an hour. */
async function startTusker(s3: S3TestServer, directory: string): Promise<RunningServer> {
  return await startServer({
    cwd: directory,
    env: {
      TMPDIR: join(directory, 'tmp'),
      BODY_IDLE_TIMEOUT: '1s',
      LOCK_TIMEOUT: '3s',
      TUS_CLEANUP_SCHEDULE: 'off',
      STORAGE_LOCATIONS: 's3',
      STORAGE_S3_DRIVER: 's3',
      STORAGE_S3_BUCKET: BUCKET,
      STORAGE_S3_KEY: s3.accessKeyId,
      STORAGE_S3_SECRET: s3.secretAccessKey,
      STORAGE_S3_REGION: s3.region,
      STORAGE_S3_ENDPOINT: s3.endpoint,
      STORAGE_S3_FORCE_PATH_STYLE: 'true',
      STORAGE_S3_SOCKET_TIMEOUT: '1s',
    },
  })
}
