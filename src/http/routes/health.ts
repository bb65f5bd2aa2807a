import { Router } from 'express'
import type { Logger } from '../../core/ports.ts'
import { allowOnly } from '../middleware/allow-methods.ts'
import type { UploadLocations } from '../upload-locations.ts'

const PING_DEADLINE_MS = 5_000

export interface HealthOptions {
  readonly locations: UploadLocations
  readonly logger: Logger
  readonly isShuttingDown: () => boolean
}

/** `/health`: the process lives. `/ready`: requests are welcome, and each location can be reached; nothing is written. */
export function healthRoutes(options: HealthOptions): Router {
  const router = Router({ caseSensitive: true })
  const checkAll = sharingRuns(() => Promise.all(options.locations.names.map((name) => check(options, name))))
  router.get('/health', (_request, response) => {
    response.set('Cache-Control', 'no-store').json({ status: 'ok' })
  })
  router.get('/ready', async (_request, response) => {
    const locations = await checkAll()
    const status = statusOf(locations, options.isShuttingDown())
    response
      .status(status === 'ok' ? 200 : 503)
      .set('Cache-Control', 'no-store')
      .json({ status, locations })
  })
  router.all(['/health', '/ready'], allowOnly('GET', 'HEAD'))
  return router
}

function statusOf(locations: readonly LocationHealth[], isShuttingDown: boolean): string {
  if (isShuttingDown) return 'shutting-down'
  return locations.every(({ status }) => status === 'ok') ? 'ok' : 'unavailable'
}

/** Whoever asks while it runs gets the result of that run: anybody may ask, as often as they like. */
function sharingRuns<Result>(run: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined
  return () => {
    running ??= run().finally(() => (running = undefined))
    return running
  }
}

interface LocationHealth {
  readonly name: string
  readonly status: 'ok' | 'unavailable'
  readonly durationMs: number
}

async function check({ locations, logger }: HealthOptions, name: string): Promise<LocationHealth> {
  const started = performance.now()
  const signal = AbortSignal.timeout(PING_DEADLINE_MS)
  try {
    const { location } = await locations.find(name)
    await withDeadline(location.driver.ping({ signal }), signal)
    return { name, status: 'ok', durationMs: Math.round(performance.now() - started) }
  } catch (error) {
    // What exactly is wrong is for the log: anybody may ask for /ready.
    logger.warn({ err: error, location: name }, 'A location cannot be reached')
    return { name, status: 'unavailable', durationMs: Math.round(performance.now() - started) }
  }
}

/** A disk that hangs does not listen to signals. */
async function withDeadline(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const deadline = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  await Promise.race([work, deadline])
}
