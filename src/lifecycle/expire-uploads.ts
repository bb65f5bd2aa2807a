import { isTuskerError } from '../core/errors.ts'
import { type Expiration, expiryOf } from '../core/expiry.ts'
import type { Clock, Locker, Logger } from '../core/ports.ts'
import type { UploadId } from '../core/upload-id.ts'
import type { StoredUpload, UploadStore } from '../core/upload-store.ts'

export interface ExpireUploadsOptions extends Expiration {
  readonly locationName: string
  readonly store: UploadStore
  readonly locker: Locker
  readonly expirationMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** Ends the sweep after the upload that it is at. */
  readonly signal: AbortSignal
}

/**
 * Removes the unfinished uploads of a location whose time is over, and returns how many. Finished ones
 * never expire, one that is in use is left alone, and one that fails is logged and does not stop the others.
 * @throws TuskerError if the location cannot be listed.
 */
export async function expireUploads(options: ExpireUploadsOptions): Promise<number> {
  let removed = 0
  for await (const stored of listUntilAborted(options)) {
    // A record is never older than its upload: a young one needs no look, and neither does a finished one.
    if (stored.isComplete || !isExpired(options, stored.recordedAt)) continue
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

function isExpired({ clock, expirationMs }: ExpireUploadsOptions, since: Date): boolean {
  return clock() - since.getTime() > expirationMs
}

async function sweepSafely(options: ExpireUploadsOptions, stored: StoredUpload): Promise<boolean> {
  try {
    return await sweep(options, stored)
  } catch (error) {
    if (isTuskerError(error, 'ERR_UPLOAD_NOT_FOUND')) return false
    const { locationName: location, logger } = options
    logger.warn({ err: error, location, uploadId: stored.id }, 'An upload could not be checked for expiry')
    return false
  }
}

async function sweep(options: ExpireUploadsOptions, { id }: StoredUpload): Promise<boolean> {
  const { locationName: location, locker, logger, store } = options
  const lock = locker.newLock(`${location}/${id}`)
  // Not lock(): that asks the holder to stop, and an upload that is being written is not abandoned.
  if (!(await lock.tryLock(() => {}))) return false
  try {
    if (!(await isAbandoned(options, id))) return false
    await store.remove(id)
    logger.info({ location, uploadId: id }, 'An upload has expired')
    return true
  } finally {
    await lock.unlock()
  }
}

async function isAbandoned(options: ExpireUploadsOptions, id: UploadId): Promise<boolean> {
  const { createdAt } = await options.store.info(id)
  if (!isExpired(options, createdAt)) return false
  try {
    // Opening finishes an upload whose bytes are all stored.
    const { upload } = await options.store.open(id)
    const expiry = expiryOf(upload, options)
    return expiry !== undefined && expiry.getTime() < options.clock()
  } catch (error) {
    // No byte of it is left, as when a bucket's lifecycle rule was first: only its record is there to remove.
    if (isTuskerError(error, 'ERR_UPLOAD_GONE')) return true
    throw error
  }
}
