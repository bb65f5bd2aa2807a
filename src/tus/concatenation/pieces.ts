import { TuskerError, isTuskerError } from '../../core/errors.ts'
import type { ConcatPiece, FoundPartial } from '../../core/upload-store.ts'
import { type UploadInfo, isComplete, isPartial } from '../../core/upload.ts'
import type { UploadId } from '../../core/upload-id.ts'
import { type TusServerOptions, lockName } from '../tus-context.ts'
import { withLock } from '../upload-lock.ts'

/** So many partial uploads are looked at, or marked, at once. */
const AT_ONCE = 16

/** The partial uploads that a final one names, in its order. */
export interface Pieces {
  /** Undefined while one of them has no length. */
  readonly lengthBytes: number | undefined
  /** At least so long will it be. */
  readonly knownBytes: number
  /** Undefined while one of them is not finished. */
  readonly finished: readonly ConcatPiece[] | undefined
}

/**
 * Looks at the partial uploads, not at their locks: one is finished when its object is there.
 * @throws TuskerError ERR_UPLOAD_NOT_FOUND that names the first that is not there; ERR_INVALID_CONCAT for one that is no partial upload
 */
export async function findPieces(options: TusServerOptions, ids: readonly UploadId[]): Promise<Pieces> {
  const found = new Map<UploadId, FoundPartial>()
  await forEach([...new Set(ids)], async (id) => void found.set(id, await findPartial(options, id)))
  const partials = ids.flatMap((id) => found.get(id) ?? [])
  const lengths = partials.map(({ info, objectBytes }) => objectBytes ?? info.lengthBytes)
  const knownBytes = lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0)
  const finished = partials.flatMap(({ info: { id }, objectBytes: sizeBytes }) =>
    sizeBytes === undefined ? [] : [{ id, sizeBytes }],
  )
  return {
    knownBytes,
    lengthBytes: lengths.includes(undefined) ? undefined : knownBytes,
    finished: finished.length === ids.length ? finished : undefined,
  }
}

async function findPartial(options: TusServerOptions, id: UploadId): Promise<FoundPartial> {
  const found = await lookAt(options, id)
  if (!isPartial(found.info)) {
    throw new TuskerError('ERR_INVALID_CONCAT', {
      message: `The upload ${id} is not a partial one: it was created without Upload-Concat: partial`,
    })
  }
  if (found.objectBytes !== undefined) return found
  return { ...found, objectBytes: await finishIfStored(options, found.info) }
}

async function lookAt({ store }: TusServerOptions, id: UploadId): Promise<FoundPartial> {
  if (!store.concatenation) throw new TuskerError('ERR_UNSUPPORTED_EXTENSION')
  try {
    return await store.concatenation.findPartial(id)
  } catch (error) {
    if (!isTuskerError(error, 'ERR_UPLOAD_NOT_FOUND')) throw error
    throw new TuskerError('ERR_UPLOAD_NOT_FOUND', {
      cause: error,
      message: `There is no partial upload ${id}`,
    })
  }
}

/**
 * One whose bytes are all stored, but whose object could not be made at once, is finished by whoever opens it. Only if
 * nobody has it: its holder will finish it, and is not to be disturbed.
 */
async function finishIfStored(options: TusServerOptions, info: UploadInfo): Promise<number | undefined> {
  const lock = options.locker.newLock(lockName(options, info))
  if (!(await lock.tryLock(() => undefined))) return undefined
  try {
    const { upload } = await options.store.open(info.id, { isContinued: lock.isContinued })
    return isComplete(upload) ? upload.lengthBytes : undefined
  } catch (error) {
    if (isTuskerError(error, 'ERR_UPLOAD_GONE')) return undefined
    throw error
  } finally {
    await lock.unlock()
  }
}

export interface UsedPieces {
  readonly ids: readonly UploadId[]
  /** Whether another final upload of this process still wants the piece. */
  readonly isNeeded: (id: UploadId) => boolean
}

/**
 * Notes that partial uploads have become part of a final one: the clean-up removes them when their time is over; with
 * a retention of zero they go at once. The final upload is made by now: what fails is logged, and left.
 */
export async function settlePieces(options: TusServerOptions, { ids, isNeeded }: UsedPieces): Promise<void> {
  const { locationName: location, logger, partialRetentionMs, store } = options
  await forEach([...new Set(ids)], async (id) => {
    try {
      if (partialRetentionMs === 0 && !isNeeded(id))
        await withLock(options, { id }, async () => await store.remove(id))
      else await store.concatenation?.mark(id, 'used')
    } catch (error) {
      logger.warn(
        { err: error, location, uploadId: id },
        'A used partial upload could not be marked or removed',
      )
    }
  })
}

async function forEach<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(items.slice(start, start + AT_ONCE).map(work))
  }
}
