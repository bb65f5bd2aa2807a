import { setTimeout as sleep } from 'node:timers/promises'

/** Each attempt is one more chance for a part that is here already. */
export const MAX_ATTEMPTS = 5

const BASE_DELAY_MS = 100
const MAX_DELAY_MS = 20_000

export interface RetryOptions {
  readonly signal: AbortSignal
  readonly isWorthRetrying: (error: unknown) => boolean
}

/** Tries `attempt` up to five times, with growing random pauses ("full jitter", as the SDK does). */
export async function withRetries<Result>(
  attempt: () => Promise<Result>,
  { signal, isWorthRetrying }: RetryOptions,
): Promise<Result> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (attempts === MAX_ATTEMPTS || signal.aborted || !isWorthRetrying(error)) throw error
      await sleep(pauseMs(attempts), undefined, { signal })
    }
  }
}

function pauseMs(attempts: number): number {
  return Math.random() * Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** attempts)
}
