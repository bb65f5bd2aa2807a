import { isTuskerError } from '../core/errors.ts'
import { type Expiration, expiryOf } from '../core/expiry.ts'
import type { Locker, Logger } from '../core/ports.ts'
import type { StoredUpload } from '../core/upload-store.ts'
import { type ConcatenationSweepOptions, isUsedUp, resumePending } from './sweep-concatenations.ts'

export interface ExpireUploadsOptions extends Expiration, ConcatenationSweepOptions {
  readonly locationName: string
  readonly locker: Locker
  readonly logger: Logger
  /** Ends the sweep after the upload that it is at. */
  readonly signal: AbortSignal
}

/**
 * Removes the unfinished uploads of a location whose time is over, and returns how many. Finished ones never expire,
 * but for partial ones, which are pieces of an upload that is not: those that became one are kept for their own time.
 * One that is in use is left alone, and one that fails is logged and does not stop the others.
 * @throws TuskerError if the location cannot be listed.
 */
export async function expireUploads(options: ExpireUploadsOptions): Promise<number> {
  let removed = 0
  for await (const stored of listUntilAborted(options)) {
    if (await sweepSafely(options, stored)) removed += 1
  }
  return removed
}

async function* listUntilAborted({ store, signal }: ExpireUploadsOptions): AsyncIterable<StoredUpload> {
  try {
    for await (const stored of store.list({ signal })) {
      if (signal.aborted) return
      yield stored
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Whether the listing alone does not say that it is to stay. */
function isSuspect(options: ExpireUploadsOptions, stored: StoredUpload): boolean {
  const { isComplete, partial, recordedAt } = stored
  if (partial && options.finals.needs(stored.id)) return false
  if (partial?.usedAt) return isUsedUp(stored, options)
  // A record is never older than its upload: a young one needs no look, and neither does a finished one.
  return (!isComplete || partial !== undefined) && isExpired(options, recordedAt)
}

function isExpired({ clock, expirationMs }: ExpireUploadsOptions, since: Date): boolean {
  return expirationMs !== undefined && clock() - since.getTime() > expirationMs
}

async function sweepSafely(options: ExpireUploadsOptions, stored: StoredUpload): Promise<boolean> {
  try {
    await resumePending(stored, options)
    return isSuspect(options, stored) && (await sweep(options, stored))
  } catch (error) {
    if (isTuskerError(error, 'ERR_UPLOAD_NOT_FOUND')) return false
    const { locationName: location, logger } = options
    logger.warn({ err: error, location, uploadId: stored.id }, 'An upload could not be cleaned up')
    return false
  }
}

async function sweep(options: ExpireUploadsOptions, stored: StoredUpload): Promise<boolean> {
  const { id } = stored
  const { locationName: location, locker, logger, store } = options
  const lock = locker.newLock(`${location}/${id}`)
  // Not lock(): that asks the holder to stop, and an upload that is being written is not abandoned.
  if (!(await lock.tryLock(() => {}))) return false
  try {
    // A final upload that wants it may have come since the listing.
    if (stored.partial && options.finals.needs(id)) return false
    if (!(await isAbandoned(options, stored))) return false
    await store.remove(id)
    await options.finals.cancel(id)
    logger.info({ location, uploadId: id }, 'An upload has expired')
    return true
  } finally {
    await lock.unlock()
  }
}

async function isAbandoned(options: ExpireUploadsOptions, { id, partial }: StoredUpload): Promise<boolean> {
  if (partial?.usedAt) return true
  try {
    const { createdAt } = await options.store.info(id)
    if (!isExpired(options, createdAt)) return false
    // Opening finishes an upload whose bytes are all stored.
    const { upload } = await options.store.open(id)
    const expiry = expiryOf(upload, options)
    return expiry !== undefined && expiry.getTime() < options.clock()
  } catch (error) {
    // No byte of it is left, as when a bucket's lifecycle rule was first: only its record is there to remove.
    if (isTuskerError(error, 'ERR_UPLOAD_GONE')) return true
    // Only the mark of a partial upload is there, whose creation broke off before it was recorded.
    if (partial && isTuskerError(error, 'ERR_UPLOAD_NOT_FOUND')) return true
    throw error
  }
}
