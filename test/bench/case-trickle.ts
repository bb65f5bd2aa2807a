import type { ClientRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchCase, CaseSizes } from './cases.ts'
import { sendBlock } from './load-client.ts'
import type { Metrics } from './metrics.ts'
import { unreadBytesByClientPort } from './receive-queues.ts'
import { percentile } from './statistics.ts'
import { type TempDirUsage, watchTempDir } from './temp-dir-usage.ts'
import type { Load, TestRun } from './test-run.ts'

const MIB = 1024 ** 2
const UPLOAD_BYTES = 64 * MIB
const WRITES_PER_SECOND = 4
const SMALL_UPLOAD_BYTES = 1024
/** A small upload that takes longer counts as stalled, and with this time. */
const STALLED_AFTER_MS = 10_000
/** What a server that reads may still be behind with. */
const UNREAD_SECONDS = 2

interface Trickle {
  readonly clients: number
  readonly bytesPerSecond: number
  readonly seconds: number
}

/** Phones on a bad network: many clients, little from each, and somebody else who wants to be served meanwhile. */
export function trickleCase({ isQuick }: CaseSizes): BenchCase {
  // In little time it takes more bytes to tell a socket that is read from one that only fills buffers.
  const trickle: Trickle = isQuick
    ? { clients: 100, bytesPerSecond: 64 * 1024, seconds: 6 }
    : { clients: 500, bytesPerSecond: 16 * 1024, seconds: 20 }
  return {
    name: 'trickle',
    title: `${trickle.clients} clients that send ${trickle.bytesPerSecond / 1024} KiB/s for ${trickle.seconds} s, and one upload of 1 KiB each second`,
    columns: [
      'clientsRead',
      'latencyP50Ms',
      'latencyMaxMs',
      'stalledUploads',
      'peakRssMib',
      'tempDirPeakMib',
      'tempDirFiles',
    ],
    options: { partSizeBytes: 8 * MIB, uploadBufferMemory: '128MiB' },
    run: async (run) => {
      await run.warmUp()
      return await run.measure(async () => await trickleAll(run, trickle))
    },
  }
}

async function trickleAll(run: TestRun, trickle: Trickle): Promise<Load> {
  const requests = await openAll(run, trickle.clients)
  const tempDir = watchTempDir(run.tempDir)
  const small: Promise<number>[] = []
  for (let tick = 0; tick < trickle.seconds * WRITES_PER_SECOND; tick += 1) {
    if (tick % WRITES_PER_SECOND === 0) small.push(timeSmallUpload(run))
    for (const request of requests) sendBlock(request, trickle.bytesPerSecond / WRITES_PER_SECOND)
    await sleep(1000 / WRITES_PER_SECOND)
  }
  const clientsRead = countRead(run, requests, trickle)
  const tempDirPeak = await tempDir.stop()
  // Before the clients go: their going lets the others through.
  const latenciesMs = await Promise.all(small)
  for (const request of requests) request.destroy()
  return {
    uploads: trickle.clients,
    sentBytes: 0,
    isFinished: false,
    metrics: { clientsRead, ...latencyMetrics(latenciesMs), ...tempDirMetrics(tempDirPeak) },
  }
}

async function openAll({ client }: TestRun, clients: number): Promise<ClientRequest[]> {
  const requests: ClientRequest[] = []
  for (let opened = 0; opened < clients; opened += 1) {
    requests.push(client.openPatch(await client.create(UPLOAD_BYTES), UPLOAD_BYTES))
  }
  return requests
}

async function timeSmallUpload({ client }: TestRun): Promise<number> {
  const startedAt = performance.now()
  try {
    await client.createWithUpload(SMALL_UPLOAD_BYTES, STALLED_AFTER_MS)
    return performance.now() - startedAt
  } catch {
    return STALLED_AFTER_MS
  }
}

function countRead(
  { server }: TestRun,
  requests: readonly ClientRequest[],
  { bytesPerSecond }: Trickle,
): number {
  const unreadBytes = unreadBytesByClientPort(server.port)
  return requests.filter(({ socket }) => {
    const unread = unreadBytes.get(socket?.localPort ?? 0)
    return unread !== undefined && unread + (socket?.writableLength ?? 0) <= UNREAD_SECONDS * bytesPerSecond
  }).length
}

function latencyMetrics(latenciesMs: readonly number[]): Metrics {
  return {
    latencyP50Ms: percentile(latenciesMs, 0.5) ?? Number.NaN,
    latencyMaxMs: percentile(latenciesMs, 1) ?? Number.NaN,
    stalledUploads: latenciesMs.filter((ms) => ms >= STALLED_AFTER_MS).length,
  }
}

function tempDirMetrics({ bytes, files }: TempDirUsage): Metrics {
  return { tempDirPeakMib: bytes / MIB, tempDirFiles: files }
}
