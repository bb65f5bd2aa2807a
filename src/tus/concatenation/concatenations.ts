import { TuskerError, isTuskerError } from '../../core/errors.ts'
import type { ConcatPiece, OpenUpload } from '../../core/upload-store.ts'
import type { UploadId } from '../../core/upload-id.ts'
import { type FinalUploadInfo, type Upload, isComplete, isFinal } from '../../core/upload.ts'
import type { TusServerOptions } from '../tus-context.ts'
import { withLock } from '../upload-lock.ts'
import { PendingFinals } from './pending-finals.ts'
import { type Pieces, findPieces, settlePieces } from './pieces.ts'
import { Turns } from './turns.ts'

/** Each keeps the storage busy on its own. */
const MAX_RUNNING = 8

/** How long a shutdown waits for what is being made; what is not done by then is given up, and can be done again. */
const SHUTDOWN_GRACE_MS = 5_000

interface Running {
  readonly info: FinalUploadInfo
  readonly stop: AbortController
  readonly done: Promise<Upload>
}

export interface Concatenation {
  readonly info: FinalUploadInfo
  readonly pieces: readonly ConcatPiece[]
  /** Called under the upload's lock. */
  readonly open: () => Promise<OpenUpload>
}

/** The final uploads of a location: those that are being made now, and those that wait for their partial ones. */
export class Concatenations {
  readonly #options: TusServerOptions
  readonly #running = new Map<UploadId, Running>()
  readonly #pending = new PendingFinals()
  readonly #turns = new Turns(MAX_RUNNING)
  readonly #background = new Set<Promise<void>>()
  #isStopped = false

  constructor(options: TusServerOptions) {
    this.#options = options
  }

  /** A final upload that is being made: there is no need to wait for its lock to tell how it stands. */
  running(id: UploadId): FinalUploadInfo | undefined {
    return this.#running.get(id)?.info
  }

  /** Whether a final upload that this process knows wants the partial one. */
  needs(partialId: UploadId): boolean {
    if (this.#pending.waitingFor(partialId).length > 0) return true
    return [...this.#running.values()].some(({ info }) => info.concat.partialIds.includes(partialId))
  }

  /** Makes a final upload, or waits for it if it is being made. It goes on to its end, whoever else leaves. */
  async run(concatenation: Concatenation): Promise<Upload> {
    if (this.#isStopped) throw new TuskerError('ERR_SERVER_SHUTDOWN')
    const { info, pieces } = concatenation
    const known = this.#running.get(info.id)
    if (known) return await known.done
    const stop = new AbortController()
    const lengthBytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const done = this.#turns.take(async () => await this.#make(concatenation, stop.signal))
    this.#running.set(info.id, { info: { ...info, lengthBytes }, stop, done })
    try {
      const upload = await done
      this.#running.delete(info.id)
      this.#pending.delete(info.id)
      await settlePieces(this.#options, { ids: info.concat.partialIds, isNeeded: (id) => this.needs(id) })
      return upload
    } finally {
      this.#running.delete(info.id)
    }
  }

  /**
   * How the partial uploads of an unfinished final one stand. If all are finished, it is begun to be made; else it will
   * be when they are, if that happens in this process.
   * @throws TuskerError ERR_UPLOAD_GONE if one of them was removed
   */
  async look(info: FinalUploadInfo): Promise<Pieces> {
    const pieces = await this.#findPieces(info)
    const { finished } = pieces
    if (finished) this.#inBackground(info.id, async () => await this.#runStored(info, finished))
    return pieces
  }

  /** To be called when an upload was finished: it may have been the last that a final one waited for. */
  finished(id: UploadId): void {
    for (const info of this.#pending.waitingFor(id)) {
      this.#inBackground(info.id, async () => await this.#runIfReady(info))
    }
  }

  /** Makes the upload if it is a final one that could be there and is not. */
  async resume(id: UploadId): Promise<void> {
    const info = await this.#options.store.info(id)
    if (isFinal(info) && !this.#running.has(id)) await this.#runIfReady(info)
  }

  /** The same, without waiting for it. */
  resumeInBackground(id: UploadId): void {
    this.#inBackground(id, async () => await this.resume(id))
  }

  /** Gives up what is going on for an upload that is to be removed; returns when nothing touches it any more. */
  async cancel(id: UploadId): Promise<void> {
    this.#pending.delete(id)
    const running = this.#running.get(id)
    running?.stop.abort(new TuskerError('ERR_UPLOAD_NOT_FOUND', { details: { reason: 'it was removed' } }))
    await running?.done.catch(() => undefined)
  }

  /** Begins nothing more; returns when nothing is running. What is given up here is found again after a restart. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const giveUp = setTimeout(() => {
      for (const { stop } of this.#running.values()) stop.abort(new TuskerError('ERR_SERVER_SHUTDOWN'))
    }, SHUTDOWN_GRACE_MS)
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done))
    clearTimeout(giveUp)
    await Promise.all(this.#background)
  }

  async #make({ info, pieces, open }: Concatenation, signal: AbortSignal): Promise<Upload> {
    try {
      return await withLock(this.#options, { id: info.id, signal }, async () => {
        const opened = await open()
        if (isComplete(opened.upload)) return opened.upload
        if (!opened.concatenate) throw new TuskerError('ERR_UNSUPPORTED_EXTENSION')
        return await opened.concatenate(pieces, { signal })
      })
    } catch (error) {
      // Of a storage that was told to stop, any error may come.
      throw signal.aborted ? signal.reason : error
    }
  }

  async #runIfReady(info: FinalUploadInfo): Promise<void> {
    const { finished } = await this.#findPieces(info)
    if (finished) await this.#runStored(info, finished)
  }

  async #runStored(info: FinalUploadInfo, pieces: readonly ConcatPiece[]): Promise<void> {
    await this.run({ info, pieces, open: async () => await this.#options.store.open(info.id) })
    await this.#options.store.concatenation?.clearPending(info.id)
  }

  async #findPieces(info: FinalUploadInfo): Promise<Pieces> {
    const { id, concat } = info
    try {
      const pieces = await findPieces(this.#options, concat.partialIds)
      if (!pieces.finished) this.#pending.add(info)
      return pieces
    } catch (error) {
      if (!isTuskerError(error, 'ERR_UPLOAD_NOT_FOUND')) throw error
      // It can never be made.
      this.#pending.delete(id)
      await this.#options.store.concatenation?.clearPending(id)
      throw new TuskerError('ERR_UPLOAD_GONE', { cause: error, message: error.message })
    }
  }

  #inBackground(id: UploadId, work: () => Promise<void>): void {
    const { locationName: location, logger } = this.#options
    if (this.#isStopped) return
    const running = work().catch((error: unknown) => {
      logger.warn({ err: error, location, uploadId: id }, 'A final upload could not be made of its parts')
    })
    this.#background.add(running)
    void running.then(() => this.#background.delete(running))
  }
}
