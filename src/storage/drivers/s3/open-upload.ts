import { TuskerError } from '../../../core/errors.ts'
import type { CallOptions, OpenUpload, UploadBody } from '../../../core/upload-store.ts'
import type { Upload } from '../../../core/upload.ts'
import { finishUpload } from './finish-upload.ts'
import { LimitedBody } from './limited-body.ts'
import { MAX_UPLOAD_BYTES } from './part-plan.ts'
import { writeParts } from './write-parts.ts'
import { type UploadProgress, partsEndBytes } from './upload-progress.ts'
import { writeRecord } from './upload-record.ts'
import type { UploadContext, UploadState } from './upload-state.ts'
import { fetchTail } from './upload-tail.ts'

/** One upload in S3, for as long as the caller holds its lock: nobody else changes what was found when it was opened. */
export class S3OpenUpload implements OpenUpload {
  readonly #context: UploadContext
  #state: UploadState

  constructor(context: UploadContext, state: UploadState) {
    this.#context = context
    this.#state = state
  }

  get upload(): Upload {
    return { ...this.#state.record.info, offsetBytes: offsetOf(this.#state) }
  }

  async write(body: UploadBody, options: CallOptions = {}): Promise<Upload> {
    const { lengthBytes = MAX_UPLOAD_BYTES, offsetBytes } = this.upload
    const limited = new LimitedBody(body, lengthBytes - offsetBytes)
    try {
      if (!this.#state.progress.isComplete) {
        this.#state = await writeParts(this.#context, this.#state, limited, options)
      }
      if (await limited.hasSurplus()) throw new TuskerError('ERR_UPLOAD_SIZE_EXCEEDED')
    } finally {
      await limited.release()
    }
    return this.upload
  }

  async declareLength(lengthBytes: number, options: CallOptions = {}): Promise<Upload> {
    const { lengthBytes: known, offsetBytes } = this.upload
    if (known !== undefined) {
      throw new TuskerError('ERR_INVALID_LENGTH', {
        message: 'Upload-Length is set already and cannot be changed',
      })
    }
    if (lengthBytes < offsetBytes) {
      throw new TuskerError('ERR_INVALID_LENGTH', {
        message: `Upload-Length is less than the ${offsetBytes} bytes that are stored`,
      })
    }
    if (lengthBytes > MAX_UPLOAD_BYTES) throw new TuskerError('ERR_MAX_SIZE_EXCEEDED')
    const { record, progress } = this.#state
    const declared = { ...record, info: { ...record.info, lengthBytes } }
    await writeRecord(this.#context.bucket, declared, options)
    this.#state = { record: declared, progress }
    return await this.finishIfStored(options)
  }

  /** Makes the object if all its bytes are stored and it is not there: after a crash, or a lost answer. */
  async finishIfStored(options: CallOptions = {}): Promise<Upload> {
    const { record, progress } = this.#state
    if (!progress.isComplete && storedBytes(progress) === record.info.lengthBytes) {
      const { bucket } = this.#context
      const tail = progress.tail
        ? await fetchTail(bucket, record.info.id, progress.tail, options)
        : Buffer.alloc(0)
      this.#state = await finishUpload(bucket, this.#state, tail, options)
    }
    return this.upload
  }
}

/** Bytes in the parts and the tail. */
function storedBytes(progress: UploadProgress): number {
  return partsEndBytes(progress) + (progress.tail?.sizeBytes ?? 0)
}

function offsetOf({ record, progress }: UploadState): number {
  return progress.isComplete ? (record.info.lengthBytes ?? 0) : storedBytes(progress)
}
