import { compiledPath } from './compile-servers.ts'
import { startListening } from './processes.ts'
import type { SinkStats } from './sink-store.ts'

/** The S3 sink, seen from outside its process. */
export interface Sink {
  readonly endpoint: string
  stats(): Promise<SinkStats>
  resetCounts(): Promise<void>
  setLatency(latencyMs: number): Promise<void>
  /** Pretends that the multipart upload of `key` has so many parts. */
  seedParts(key: string, parts: number, partSizeBytes: number): Promise<void>
  readonly stop: () => Promise<void>
}

export async function startSink(): Promise<Sink> {
  const { port, stop } = await startListening((port) => ({
    command: process.execPath,
    args: [compiledPath('s3-sink'), String(port)],
  }))
  const endpoint = `http://127.0.0.1:${port}`
  const control = async (path: string): Promise<SinkStats> => {
    const response = await fetch(`${endpoint}/__${path}`, { method: 'POST' })
    if (!response.ok) throw new Error(`The sink answers ${response.status} to ${path}`)
    return (await response.json()) as SinkStats
  }
  return {
    endpoint,
    stats: async () => await control('stats'),
    resetCounts: async () => void (await control('reset')),
    setLatency: async (latencyMs) => void (await control(`latency?ms=${latencyMs}`)),
    seedParts: async (key, parts, partSizeBytes) => {
      const query = new URLSearchParams({ key, parts: String(parts), partSizeBytes: String(partSizeBytes) })
      await control(`seed?${query.toString()}`)
    },
    stop,
  }
}
