import type { BenchCase, CaseSizes } from './cases.ts'
import { percentile } from './statistics.ts'
import type { Load, TestRun } from './test-run.ts'

const UPLOAD_BYTES = 1024
const AT_ONCE = 32

/** Uploads in which requests are what costs. */
export function smallCase({ isQuick }: CaseSizes): BenchCase {
  const uploads = isQuick ? 200 : 2000
  return {
    name: 'small',
    title: `${uploads} uploads of 1 KiB by creation-with-upload, ${AT_ONCE} at once`,
    pricedAs: '1 KiB',
    columns: [
      'cpuMsPerUpload',
      'uploadsPerSecond',
      'latencyP50Ms',
      'latencyP99Ms',
      'peakRssMib',
      's3RequestsPerUpload',
    ],
    options: { partSizeBytes: 8 * 1024 ** 2 },
    run: async (run) => {
      await run.warmUp()
      return await run.measure(async () => await sendAll(run, uploads))
    },
  }
}

async function sendAll({ client }: TestRun, uploads: number): Promise<Load> {
  const latenciesMs: number[] = []
  let started = 0
  const sendInTurn = async (): Promise<void> => {
    while (started < uploads) {
      started += 1
      const startedAt = performance.now()
      await client.createWithUpload(UPLOAD_BYTES)
      latenciesMs.push(performance.now() - startedAt)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sendInTurn))
  return {
    uploads,
    sentBytes: uploads * UPLOAD_BYTES,
    isFinished: true,
    metrics: {
      latencyP50Ms: percentile(latenciesMs, 0.5) ?? Number.NaN,
      latencyP99Ms: percentile(latenciesMs, 0.99) ?? Number.NaN,
    },
  }
}
