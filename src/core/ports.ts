/** What core and the layers above need from the world, as plain interfaces; compose.ts hands the real ones in. */

/** Milliseconds since the epoch; tests turn it. */
export type Clock = () => number

/** The part of pino that we use. */
export interface Logger {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Called on the holder of a lock when somebody else wants it: finish quickly, keep what you have, unlock. */
export type RequestRelease = () => Promise<void> | void

/** Gives out locks by id. It can be given to whatever wants a Locker of @tus/utils; `tryLock` is ours. */
export interface Locker {
  newLock(id: string): Lock
}

export interface Lock {
  /**
   * Waits for the lock, asking its holder to let go.
   * @throws TuskerError ERR_UPLOAD_LOCKED if it can't be had in time or `signal` is aborted.
   */
  lock(signal: AbortSignal, requestRelease: RequestRelease): Promise<void>
  /** Takes the lock if it is free right now, and asks nobody to let go. Returns whether it is ours. */
  tryLock(requestRelease: RequestRelease): Promise<boolean>
  /** Whether nobody else can have held it since this process last did; true while it is held by `lock` or `tryLock` only. */
  readonly isContinued: boolean
  /** Frees the lock if it is ours; calling it again is fine. */
  unlock(): Promise<void>
}
