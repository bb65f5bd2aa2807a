import { TuskerError } from '../core/errors.ts'
import { expiryOf } from '../core/expiry.ts'
import type { Lock, RequestRelease } from '../core/ports.ts'
import type { UploadId } from '../core/upload-id.ts'
import type { OpenUpload } from '../core/upload-store.ts'
import { isComplete } from '../core/upload.ts'
import { type TusServerOptions, type UploadRequest, lockName } from './tus-context.ts'

/**
 * Runs `work` while this request, and no other, may touch the upload. The lock is freed only when `work` has settled,
 * which a store does only after its last request to the storage. Somebody else who wants the upload ends our body.
 */
export async function withUploadLock<Result>(
  options: TusServerOptions,
  { id, signal, body }: UploadRequest,
  work: (lock: Lock) => Promise<Result>,
): Promise<Result> {
  return await withLock(options, { id, signal, requestRelease: () => body.stop('taken-over') }, work)
}

interface LockRequest {
  readonly id: UploadId
  /** Gives up waiting. */
  readonly signal?: AbortSignal
  /** Called when somebody else wants the upload; without it, they wait. */
  readonly requestRelease?: RequestRelease
}

/** The same without a request that could be stopped. */
export async function withLock<Result>(
  options: Pick<TusServerOptions, 'locationName' | 'locker'>,
  { id, signal = new AbortController().signal, requestRelease = () => undefined }: LockRequest,
  work: (lock: Lock) => Promise<Result>,
): Promise<Result> {
  const lock = options.locker.newLock(lockName(options, { id }))
  await lock.lock(signal, requestRelease)
  try {
    return await work(lock)
  } finally {
    await lock.unlock()
  }
}

/** Opens the upload, which the caller has locked. @throws TuskerError ERR_UPLOAD_EXPIRED if its time is over (EX-05) */
export async function openUpload(
  options: TusServerOptions,
  { id }: UploadRequest,
  { isContinued }: Lock,
): Promise<OpenUpload> {
  const opened = await options.store.open(id, { isContinued })
  // A finished partial upload is there until the clean-up removes it.
  const expiry = isComplete(opened.upload) ? undefined : expiryOf(opened.upload, options)
  if (expiry && expiry.getTime() <= options.clock()) throw new TuskerError('ERR_UPLOAD_EXPIRED')
  return opened
}
