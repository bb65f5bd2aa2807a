import type { Expiration } from '../core/expiry.ts'
import type { Clock, Locker, Logger } from '../core/ports.ts'
import type { TusLocations } from '../tus/tus-locations.ts'
import { expireUploads } from './expire-uploads.ts'
import { type Schedule, startSchedule } from './scheduler.ts'

export interface CleanUpOptions extends Expiration {
  readonly locations: TusLocations
  readonly locker: Locker
  readonly logger: Logger
  readonly clock: Clock
  readonly partialRetentionMs: number | undefined
  /** When to look, as a cron expression; never if undefined. */
  readonly cleanupSchedule: string | undefined
}

/** Removes expired uploads, and partial ones that were used, from every location, at the times of the schedule. */
export function startCleanUp(options: CleanUpOptions): Schedule {
  const { cleanupSchedule, logger } = options
  if (cleanupSchedule === undefined) return { stop: () => Promise.resolve() }
  const stopped = new AbortController()
  const sweepAll = async (): Promise<void> => {
    for (const name of options.locations.names) await sweep(options, name, stopped.signal)
  }
  const schedule = startSchedule(cleanupSchedule, sweepAll, logger)
  return {
    stop: async () => {
      stopped.abort()
      await schedule.stop()
    },
  }
}

/** One location after the other: trouble in one does not keep the others from being swept. */
async function sweep(options: CleanUpOptions, name: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  try {
    const { location, uploads: store, tus } = await options.locations.find(name)
    if (location.mode === 'ro') return
    const removed = await expireUploads({
      ...options,
      locationName: name,
      store,
      finals: tus.concatenations,
      signal,
    })
    if (removed > 0) options.logger.info({ location: name, removed }, 'Expired uploads were removed')
  } catch (error) {
    options.logger.error({ err: error, location: name }, 'A location could not be cleaned up')
  }
}
