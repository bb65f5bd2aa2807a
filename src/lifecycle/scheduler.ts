import { Cron } from 'croner'
import type { Logger } from '../core/ports.ts'

export interface Schedule {
  /** No run starts any more; resolves when the one that is running, if any, has ended. */
  stop(): Promise<void>
}

/**
 * Runs `task` at the times of `cronExpression` (local time, seconds optional), never twice at once: a run that comes
 * due while the last one is still going is skipped. A task that fails is logged and runs again the next time.
 * @throws Error if the expression is not valid.
 */
export function startSchedule(
  cronExpression: string,
  task: () => Promise<unknown>,
  logger: Logger,
): Schedule {
  let running: Promise<void> = Promise.resolve()
  const run = async (): Promise<void> => {
    try {
      await task()
    } catch (error) {
      logger.error({ err: error }, 'A scheduled task failed')
    }
  }
  const job = new Cron(cronExpression, { protect: true }, () => (running = run()))
  return {
    stop: async () => {
      job.stop()
      await running
    },
  }
}
