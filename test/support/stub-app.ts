import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Driver } from '../../src/core/driver.ts'
import { TuskerError } from '../../src/core/errors.ts'
import { type AppOptions, createApp } from '../../src/http/app.ts'
import type { UploadLocation } from '../../src/http/upload-locations.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { openDriver } from '../../src/storage/drivers/local/driver.ts'
import type { LogLine } from './start-app.ts'

type Serve = UploadLocation['tus']['serve']

export interface StubApp {
  readonly url: string
  readonly server: Server
  readonly logs: readonly LogLine[]
  /** What the tus server does from now on. */
  serve(serve: Serve): void
  /** The tus server throws this from now on. */
  fail(error: unknown): void
  close(): Promise<void>
}

export interface StubAppOptions extends Partial<Omit<AppOptions, 'locations'>> {
  /** How each location is reached; one local directory, if not given. */
  readonly pings?: Readonly<Record<string, () => Promise<void>>>
}

/** The app over a tus server and locations that fail as they are told: for faults that a real one shows rarely. */
export async function startStubApp({ pings, ...options }: StubAppOptions = {}): Promise<StubApp> {
  const root = await mkdtemp(join(tmpdir(), 'tusker-stub-'))
  const driver = await openDriver({ root })
  let serve: Serve = () => Promise.resolve()
  const fail = (thrown: unknown): void => void (serve = () => Promise.reject(thrown))
  const concatenations = { resumeInBackground: () => undefined }
  const names = Object.keys(pings ?? { local: undefined })
  const find = (name: string): Promise<UploadLocation> => {
    if (!names.includes(name)) return Promise.reject(new TuskerError('ERR_LOCATION_NOT_FOUND'))
    const location = { name, mode: 'rw', driver: withPing(driver, pings?.[name]) } as const
    const serveStub: Serve = (...call) => serve(...call)
    return Promise.resolve({
      location,
      tus: { uploadLimit: 'min-size=0', serve: serveStub, concatenations },
    })
  }
  const logs: LogLine[] = []
  const destination = { write: (line: string) => void logs.push(JSON.parse(line) as LogLine) }
  const app = createApp({
    logger: createLogger({ level: 'debug', destination }),
    locations: { names, defaultName: names[0] ?? '', find },
    trustProxy: false,
    cors: {
      enabled: false,
      origins: false,
      credentials: false,
      allowedHeaders: [],
      exposedHeaders: [],
      maxAgeSeconds: 0,
    },
    downloads: { enabled: true, inlineTypes: [] },
    page: { directory: root, writableLocations: names, maxSizeBytes: undefined, downloads: true },
    isShuttingDown: () => false,
    ...options,
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    logs,
    serve: (next) => void (serve = next),
    fail,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await rm(root, { recursive: true, force: true })
    },
  }
}

function withPing(driver: Driver, ping: (() => Promise<void>) | undefined): Driver {
  return ping === undefined ? driver : Object.create(driver, { ping: { value: ping } })
}
