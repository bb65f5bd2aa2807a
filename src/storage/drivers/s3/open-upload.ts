import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type {
  CallOptions,
  ConcatPiece,
  OpenUpload,
  UploadBody,
  WriteBodyOptions,
} from '../../../core/upload-store.ts'
import { type Upload, isComplete, requireDeclarable, requireWritable } from '../../../core/upload.ts'
import { payloadOf } from '../../buffers/payload.ts'
import { concatenate } from './concatenate.ts'
import { finishUpload } from './finish-upload.ts'
import { LimitedBody } from './limited-body.ts'
import { maxLengthBytes } from './part-plan.ts'
import { type UploadProgress, partsEndBytes } from './upload-progress.ts'
import { type UploadRecord, writeRecord } from './upload-record.ts'
import type { UploadContext, UploadState } from './upload-state.ts'
import { fetchTail, tailSizeBytes } from './upload-tail.ts'
import { writeParts } from './write-parts.ts'

/** One upload in S3, for as long as the caller holds its lock: nobody else changes what was found when it was opened. */
export class S3OpenUpload implements OpenUpload {
  readonly #context: UploadContext
  #state: UploadState

  /** The memory of `state` stays with what is remembered. */
  constructor(context: UploadContext, state: UploadState) {
    this.#context = context
    this.#state = { ...state, buffer: undefined }
  }

  get upload(): Upload {
    const { record, progress } = this.#state
    const activeAt = new Date(progress.storedAtMs ?? record.info.createdAt)
    return { ...record.info, offsetBytes: offsetOf(this.#state), activeAt }
  }

  async write(body: UploadBody, { verify, ...options }: WriteBodyOptions = {}): Promise<Upload> {
    requireWritable(this.upload)
    const { lengthBytes = this.#maxLengthBytes(), offsetBytes } = this.upload
    const limited = new LimitedBody(body, lengthBytes - offsetBytes)
    const requireAllFits = async (): Promise<void> => {
      if (await limited.hasSurplus()) throw new TuskerError('ERR_UPLOAD_SIZE_EXCEEDED')
    }
    const verifyWhole = async (): Promise<void> => {
      await requireAllFits()
      await verify?.()
    }
    const verified = verify ? { ...options, verify: verifyWhole } : options
    try {
      if (this.#state.progress.isComplete) await verifyWhole()
      else await this.#change(async (state) => await writeParts(this.#context, state, limited, verified))
      await requireAllFits()
    } finally {
      await limited.release()
    }
    return this.upload
  }

  async declareLength(lengthBytes: number, options: CallOptions = {}): Promise<Upload> {
    requireDeclarable(this.upload, lengthBytes)
    if (lengthBytes > this.#maxLengthBytes()) throw new TuskerError('ERR_MAX_SIZE_EXCEEDED')
    await this.#change(async ({ record, progress, buffer }) => {
      // A length can change the size of the parts: what was gathered for one is fetched again.
      await buffer?.release()
      const declared = { ...record, info: { ...record.info, lengthBytes } }
      await writeRecord(this.#context.bucket, declared, options)
      return { record: declared, isRecorded: true, progress }
    })
    return await this.finishIfStored(options)
  }

  /** Makes the object if all its bytes are stored and it is not there: after a crash, or a lost answer. */
  async finishIfStored(options: CallOptions = {}): Promise<Upload> {
    const { record, progress } = this.#state
    if (!progress.isComplete && storedBytes(progress) === record.info.lengthBytes) {
      await this.#change(async (state) => {
        await state.buffer?.release()
        return await finishUpload(
          this.#context.bucket,
          state,
          await this.#lastBytes(record, options),
          options,
        )
      })
    }
    return this.upload
  }

  async concatenate(pieces: readonly ConcatPiece[], options: CallOptions = {}): Promise<Upload> {
    if (!isComplete(this.upload)) this.#state = await concatenate(this.#context, this.#state, pieces, options)
    return this.upload
  }

  async #lastBytes({ info }: UploadRecord, options: CallOptions) {
    const { tail } = this.#state.progress
    const { bucket } = this.#context
    return { payload: payloadOf(tail ? await fetchTail(bucket, info.id, tail, options) : '') }
  }

  /**
   * Forgets the upload while `work` changes it, and remembers what came of it: after a failure nobody knows.
   * @throws TuskerError ERR_UPLOAD_GONE if the storage does not know the upload any more
   */
  async #change(work: (state: UploadState) => Promise<UploadState>): Promise<void> {
    const { remembered } = this.#context
    const state = remembered.take(this.#state.record.info.id) ?? this.#state
    try {
      this.#state = await work(state)
    } catch (error) {
      if (!isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) throw error
      throw new TuskerError('ERR_UPLOAD_GONE', { cause: error })
    }
    if (!this.#state.progress.isComplete) remembered.keep(this.#state)
    this.#state = { ...this.#state, buffer: undefined }
  }

  #maxLengthBytes(): number {
    return maxLengthBytes({ ...this.#context, ...this.#state.record })
  }
}

/** Bytes in the parts and the tail. */
function storedBytes(progress: UploadProgress): number {
  return partsEndBytes(progress) + (progress.tail ? tailSizeBytes(progress.tail) : 0)
}

function offsetOf({ record, progress }: UploadState): number {
  return progress.isComplete ? (record.info.lengthBytes ?? 0) : storedBytes(progress)
}
