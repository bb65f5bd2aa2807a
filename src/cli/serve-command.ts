import { once } from 'node:events'
import type { Logger } from 'pino'
import { compose } from '../compose.ts'
import type { Config, LoadedConfig } from '../config/load-config.ts'
import { createLogger } from '../observability/logger.ts'

/** Where the process's life is decided: signals, and what is printed for a person. */
export interface ServeOptions {
  readonly print: (line: string) => void
  /** Aborted when the server is to stop. */
  readonly stop: AbortSignal
}

/** Runs the server until it is told to stop. @throws Error if it can't start */
export async function serve(
  { config, warnings }: LoadedConfig,
  { print, stop }: ServeOptions,
): Promise<void> {
  const logger = createLogger({ level: config.logLevel })
  for (const warning of warnings) logger.warn({}, warning)
  const tusker = compose(config, logger)
  const port = await tusker.start()
  for (const line of greeting(config, port)) print(line)
  warnIfOpen(config, logger)
  if (!stop.aborted) await once(stop, 'abort')
  logger.info({}, 'Shutting down: storing what is being received')
  await tusker.stop()
}

/** Where everything is. */
function greeting({ server, locations, defaultLocation }: Config, port: number): string[] {
  const url = server.publicUrl ?? `http://${urlHost(server.host)}:${port}`
  return [
    `Tusker is ready.`,
    `  Page      ${url}/`,
    `  Uploads   ${url}/files`,
    ...locations.map((location) => {
      const notes = [location.mode, ...(location.name === defaultLocation ? ['default'] : [])].join(', ')
      return `  Location  ${location.name} (${notes}): ${placeOf(location)}  ${url}/files/${location.name}`
    }),
  ]
}

function placeOf(location: Config['locations'][number]): string {
  if (location.driver === 'local') return `directory ${location.options.root}`
  const { bucket, root, endpoint } = location.options
  return `bucket ${[bucket, root].filter((part) => part !== '').join('/')}${endpoint === undefined ? '' : ` at ${endpoint}`}`
}

/**
 * An address that listens everywhere is no address to open in a browser; and a browser that knows the page under two
 * names remembers two lists of unfinished uploads.
 */
function urlHost(host: string): string {
  if (['0.0.0.0', '::', '127.0.0.1', '::1'].includes(host)) return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

function warnIfOpen({ server }: Config, logger: Logger): void {
  if (['127.0.0.1', '::1', 'localhost'].includes(server.host)) return
  logger.warn(
    { host: server.host },
    'Whoever can reach this address can upload: put it behind a proxy that asks who they are',
  )
}
