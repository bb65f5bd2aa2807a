import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LoadClient } from './load-client.ts'
import type { Measurement, Metrics } from './metrics.ts'
import { type ListeningProcess, startListening } from './processes.ts'
import { readProcessUsage } from './process-usage.ts'
import type { ServerKind } from './servers.ts'
import { type Sink, startSink } from './sink.ts'
import type { SinkStats } from './sink-store.ts'

export interface Load {
  readonly uploads: number
  readonly sentBytes: number
  /** Whether all of the uploads are finished, so that S3 must hold every byte of them. */
  readonly isFinished: boolean
  /** What only the case can know. */
  readonly metrics?: Metrics
}

export interface RunOptions {
  readonly partSizeBytes: number
  readonly uploadBufferMemory?: string
}

const MIB = 1024 ** 2
const GIB = 1024 ** 3
/** Answers come before deletions and the like are over: they belong to the cost. */
const SETTLE_MS = 250
const WARM_UP_SMALL_UPLOADS = 100
const WARM_UP_BYTES = 32 * MIB

/** One server, its own S3 sink and its own temporary directory, all started for one case of one round. */
export class TestRun {
  readonly #kind: ServerKind
  readonly #options: RunOptions
  readonly sink: Sink
  readonly tempDir: string
  #server: ListeningProcess | undefined
  #client: LoadClient | undefined

  private constructor(kind: ServerKind, options: RunOptions, sink: Sink, tempDir: string) {
    this.#kind = kind
    this.#options = options
    this.sink = sink
    this.tempDir = tempDir
  }

  static async start(kind: ServerKind, options: RunOptions): Promise<TestRun> {
    const tempDir = await mkdtemp(join(tmpdir(), 'tusker-bench-'))
    const run = new TestRun(kind, options, await startSink(), tempDir)
    try {
      await run.startServer()
      return run
    } catch (error) {
      await run.stop()
      throw error
    }
  }

  get server(): ListeningProcess {
    if (this.#server === undefined) throw new Error('The server under test is not running')
    return this.#server
  }

  get client(): LoadClient {
    if (this.#client === undefined) throw new Error('The server under test is not running')
    return this.#client
  }

  /** Starts the server, or another process of it that knows nothing of the first. */
  async startServer(): Promise<void> {
    this.#client?.close()
    await this.#server?.stop()
    this.#server = await startListening((port) => {
      const { command, args, env } = this.#kind.toCommand({
        port,
        s3Endpoint: this.sink.endpoint,
        partSizeBytes: this.#options.partSizeBytes,
        uploadBufferMemory: this.#options.uploadBufferMemory,
      })
      return { command, args, env: { ...env, TMPDIR: this.tempDir }, cwd: this.tempDir }
    })
    this.#client = new LoadClient(`http://127.0.0.1:${this.#server.port}/files/`)
  }

  /** Every server starts slower than it runs: what is measured is how it runs. */
  async warmUp(): Promise<void> {
    for (let done = 0; done < WARM_UP_SMALL_UPLOADS; done += 1) await this.client.createWithUpload(1024)
    await this.client.patch(await this.client.create(WARM_UP_BYTES), 0, WARM_UP_BYTES)
    await sleep(SETTLE_MS)
  }

  async measure(runLoad: () => Promise<Load>): Promise<Measurement> {
    await this.sink.resetCounts()
    const before = readProcessUsage(this.server.pid)
    const startedAt = performance.now()
    const load = await runLoad()
    const wallSeconds = (performance.now() - startedAt) / 1000
    await sleep(SETTLE_MS)
    const after = readProcessUsage(this.server.pid)
    const stats = await this.sink.stats()
    if (load.isFinished) expectAllStored(load, stats)
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds
    return {
      cpuSeconds,
      metrics: {
        ...costMetrics(load, cpuSeconds, wallSeconds),
        ...s3Metrics(load, stats),
        peakRssMib: after.peakRssBytes / MIB,
        ...load.metrics,
      },
      requestsPerUpload: Object.fromEntries(
        Object.entries(stats.operations).map(([name, { requests }]) => [name, requests / load.uploads]),
      ),
    }
  }

  async stop(): Promise<void> {
    this.#client?.close()
    await this.#server?.stop()
    await this.sink.stop()
    await rm(this.tempDir, { recursive: true, force: true })
  }
}

function costMetrics({ sentBytes, uploads }: Load, cpuSeconds: number, wallSeconds: number): Metrics {
  return {
    cpuMsPerUpload: (cpuSeconds * 1000) / uploads,
    uploadsPerSecond: uploads / wallSeconds,
    ...(sentBytes > 0 && {
      cpuSecondsPerGib: cpuSeconds / (sentBytes / GIB),
      megabytesPerSecond: sentBytes / 1e6 / wallSeconds,
    }),
  }
}

function s3Metrics({ sentBytes, uploads }: Load, { operations, connections }: SinkStats): Metrics {
  const counts = Object.values(operations)
  const payloadBytes = counts.reduce((sum, count) => sum + count.payloadBytes, 0)
  return {
    s3RequestsPerUpload: counts.reduce((sum, { requests }) => sum + requests, 0) / uploads,
    s3MibPerUpload: payloadBytes / MIB / uploads,
    s3Connections: connections,
    ...(sentBytes > 0 && { s3BytesPerByte: payloadBytes / sentBytes }),
  }
}

/** A server that is fast because it loses something must not look fast. */
function expectAllStored({ uploads, sentBytes }: Load, { finishedObjects, finishedBytes }: SinkStats): void {
  if (finishedObjects === uploads && finishedBytes === sentBytes) return
  throw new Error(
    `S3 holds ${finishedObjects} objects of ${finishedBytes} bytes in all, not ${uploads} of ${sentBytes}`,
  )
}
