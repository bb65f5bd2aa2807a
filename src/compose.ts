import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Config } from './config/load-config.ts'
import { createApp } from './http/app.ts'
import {
  type HttpServer,
  type ShutDownOptions,
  createHttpServer,
  listen,
  shutDown,
} from './http/http-server.ts'
import { uploadUrlMaker } from './http/upload-url.ts'
import { startCleanUp } from './lifecycle/clean-up.ts'
import { createMemoryLocker } from './locks/memory-locker.ts'
import { BufferMemory } from './storage/buffers/buffer-memory.ts'
import { DRIVERS } from './storage/driver-table.ts'
import type { LocalOptions } from './storage/drivers/local/options.ts'
import type { S3Options } from './storage/drivers/s3/options.ts'
import { LocationRegistry } from './storage/location-registry.ts'
import { TusLocations } from './tus/tus-locations.ts'

/** Where the build puts the page: beside the server's code, from src/ as from dist/. */
const PAGE_DIRECTORY = fileURLToPath(new URL('../dist/page', import.meta.url))

/** A server, made of its configuration. */
export interface Tusker {
  /** Opens every location and starts to listen; the port. @throws Error that says which part failed and why */
  start(): Promise<number>
  /** Stores what is being received, answers it, and closes everything. */
  stop(): Promise<void>
}

/** Puts the server together: the one place that knows every part. */
export function compose(config: Config, logger: Logger): Tusker {
  const clock = Date.now
  const registry = createRegistry(config)
  const locker = createMemoryLocker({ timeoutMs: config.uploads.lockTimeoutMs })
  const locations = new TusLocations({
    registry,
    locker,
    logger,
    clock,
    defaultName: config.defaultLocation,
    uploadUrls: (name) => uploadUrlMaker(config.server, name),
    bodyIdleTimeoutMs: config.server.bodyIdleTimeoutMs,
    ...config.uploads,
  })
  const shutdown = new AbortController()
  const server = createHttpServer(
    createApp(appOptions(config, { logger, locations, shutdown: shutdown.signal })),
  )
  const cleanUp = startCleanUp({ ...config.uploads, locations, locker, logger, clock })
  return {
    start: async () => {
      await openAll(registry)
      return await listen(server, config.server)
    },
    stop: async () => {
      shutdown.abort()
      const timeoutMs = config.server.shutdownTimeoutMs
      await Promise.all([
        stopServing(server, { interrupt: () => locations.interrupt(), timeoutMs }, logger),
        cleanUp.stop(),
      ])
      await registry.close()
    },
  }
}

async function stopServing(server: HttpServer, options: ShutDownOptions, logger: Logger): Promise<void> {
  const isClean = await shutDown(server, options)
  if (!isClean) logger.warn({}, 'Requests were cut: they did not end within SHUTDOWN_TIMEOUT')
}

function appOptions(
  { server, cors, downloads, uploads, locations: configured }: Config,
  { logger, locations, shutdown }: { logger: Logger; locations: TusLocations; shutdown: AbortSignal },
): Parameters<typeof createApp>[0] {
  return {
    logger,
    locations,
    cors,
    downloads,
    publicUrl: server.publicUrl,
    relativeLocation: server.relativeLocation,
    trustProxy: server.trustProxy,
    isShuttingDown: () => shutdown.aborted,
    page: {
      directory: PAGE_DIRECTORY,
      writableLocations: configured.filter(({ mode }) => mode === 'rw').map(({ name }) => name),
      maxSizeBytes: uploads.maxSizeBytes,
      downloads: downloads.enabled,
    },
  }
}

function createRegistry({ locations, buffers }: Config): LocationRegistry {
  const { memoryBytes, spillDirectory } = buffers
  const resources = { bufferSpace: { memory: new BufferMemory(memoryBytes), spillDirectory } }
  const registry = new LocationRegistry()
  registry.registerDriver(
    'local',
    async (options: LocalOptions) => await DRIVERS.local.open(options, resources),
  )
  registry.registerDriver('s3', async (options: S3Options) => await DRIVERS.s3.open(options, resources))
  for (const { name, ...location } of locations) registry.registerLocation(name, location)
  return registry
}

/** What can't be opened at all is a fault of the configuration: better told now than by the first upload. */
async function openAll(registry: LocationRegistry): Promise<void> {
  for (const name of registry.names()) {
    try {
      await registry.location(name)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`The storage location "${name}" can't be opened: ${reason}`, { cause: error })
    }
  }
}
