import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import supertest from 'supertest'
import { compose } from '../../src/compose.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { createLogger } from '../../src/observability/logger.ts'

export interface RunningApp {
  /** http://127.0.0.1:PORT, without a slash at the end. */
  readonly url: string
  readonly port: number
  /** A directory of its own for each location, named as the location is. */
  readonly root: string
  /** What was logged. */
  readonly logs: readonly LogLine[]
  /** Uploads a file in one request; the path of its URL. */
  upload(bytes: string | Buffer, options?: UploadOptions): Promise<string>
  /** Stops the server and leaves its directory; calling it again is fine. */
  stop(): Promise<void>
  /** Stops the server and removes its directory. */
  close(): Promise<void>
}

interface UploadOptions {
  readonly metadata?: Readonly<Record<string, string>>
  readonly collection?: string
  /** The declared length, if it is not that of the bytes. */
  readonly lengthBytes?: number
}

export type LogLine = Readonly<Record<string, unknown>>

export interface AppSettings {
  /** Variables as an operator sets them. */
  readonly env?: Readonly<Record<string, string>>
  /** Names of local locations; the first is the default. */
  readonly locations?: readonly string[]
}

/** Starts Tusker in this process on a free port, over directories of its own. */
export async function startApp({ env = {}, locations = ['local'] }: AppSettings = {}): Promise<RunningApp> {
  const root = await mkdtemp(join(tmpdir(), 'tusker-app-'))
  const { config } = loadConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    ...locationVariables(root, locations),
    ...env,
  })
  const logs: LogLine[] = []
  const destination = { write: (line: string) => void logs.push(JSON.parse(line) as LogLine) }
  const tusker = compose(config, createLogger({ level: 'debug', destination }))
  const port = await tusker.start()
  const url = `http://127.0.0.1:${port}`
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= tusker.stop())
  return {
    url,
    port,
    root,
    logs,
    stop,
    upload: (bytes, options) => uploadFile(url, bytes, options),
    close: async () => {
      await stop()
      await rm(root, { recursive: true, force: true })
    },
  }
}

function locationVariables(root: string, names: readonly string[]): Record<string, string> {
  const variables = names.flatMap((name) => [
    [`STORAGE_${name.toUpperCase()}_DRIVER`, 'local'],
    [`STORAGE_${name.toUpperCase()}_ROOT`, join(root, name)],
  ])
  return { STORAGE_LOCATIONS: names.join(','), ...(Object.fromEntries(variables) as Record<string, string>) }
}

async function uploadFile(
  url: string,
  bytes: string | Buffer,
  { metadata = {}, collection = '/files', lengthBytes = Buffer.byteLength(bytes) }: UploadOptions = {},
): Promise<string> {
  const pairs = Object.entries(metadata).map(([key, value]) => `${key} ${encodeBase64(value)}`)
  const response = await supertest(url)
    .post(collection)
    .set({ 'Tus-Resumable': '1.0.0', 'Upload-Length': String(lengthBytes) })
    .set(pairs.length > 0 ? { 'Upload-Metadata': pairs.join(',') } : {})
    .type('application/offset+octet-stream')
    .send(bytes)
  if (response.status !== 201) throw new Error(`POST: ${response.status} ${response.text}`)
  return new URL(response.headers['location'] ?? '').pathname
}

function encodeBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** Sends a request exactly as it is written (lines joined by CRLF), and gives all that comes back. */
export async function sendRaw(port: number, ...lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write([...lines, 'Connection: close', '', ''].join('\r\n'))
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}
