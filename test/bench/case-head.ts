import type { BenchCase } from './cases.ts'
import type { Load, TestRun } from './test-run.ts'

const PART_SIZE_BYTES = 8 * 1024 ** 2
const PARTS = 9_999
const LENGTH_BYTES = (PARTS + 0.5) * PART_SIZE_BYTES
const LATENCY_MS = 50

/** How long a client that comes back waits, when S3 is not next door and the process has never seen its upload. */
export const HEAD_CASE: BenchCase = {
  name: 'head',
  title: `HEAD of an upload of ${PARTS} parts, never seen by the process, S3 ${LATENCY_MS} ms away`,
  columns: ['wallMs', 'roundTrips', 's3RequestsPerUpload', 'cpuMsPerUpload', 'peakRssMib'],
  options: { partSizeBytes: PART_SIZE_BYTES },
  run: async (run) => {
    const url = await seedUpload(run)
    const otherUrl = await run.client.create(LENGTH_BYTES)
    await run.startServer()
    // A HEAD of another upload loads the modules and connects: what is cold is this upload.
    await run.client.head(onServer(otherUrl, run))
    await run.sink.setLatency(LATENCY_MS)
    return await run.measure(async () => await headOnce(run, onServer(url, run)))
  },
}

/** Two parts are sent, so that the server makes its records as it always does; the sink then invents the others. */
async function seedUpload({ client, sink }: TestRun): Promise<string> {
  const url = await client.create(LENGTH_BYTES)
  await client.patch(url, 0, 2 * PART_SIZE_BYTES)
  await sink.seedParts(keyOf(url), PARTS, PART_SIZE_BYTES)
  return url
}

async function headOnce({ client }: TestRun, url: string): Promise<Load> {
  const startedAt = performance.now()
  const offsetBytes = await client.head(url)
  const wallMs = performance.now() - startedAt
  if (offsetBytes !== PARTS * PART_SIZE_BYTES) {
    throw new Error(`HEAD answers the offset ${offsetBytes}, not ${PARTS * PART_SIZE_BYTES}`)
  }
  return {
    uploads: 1,
    sentBytes: 0,
    isFinished: false,
    metrics: { wallMs, roundTrips: wallMs / LATENCY_MS },
  }
}

/** The object's key: tusd puts the id of the multipart upload behind it. */
function keyOf(uploadUrl: string): string {
  const id = decodeURIComponent(new URL(uploadUrl).pathname.split('/').at(-1) ?? '')
  return id.split('+')[0] ?? ''
}

/** The same upload at the process that runs now. */
function onServer(uploadUrl: string, { server }: TestRun): string {
  return new URL(new URL(uploadUrl).pathname, `http://127.0.0.1:${server.port}`).href
}
