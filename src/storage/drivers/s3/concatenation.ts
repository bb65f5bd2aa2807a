import type { CallOptions, Concatenation, FoundPartial } from '../../../core/upload-store.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import type { S3Bucket } from './bucket.ts'
import { findObject } from './object-calls.ts'
import { type UploadMark, deleteMark, putMark } from './upload-marks.ts'
import { findRecord } from './upload-record.ts'

/** The partial uploads of a bucket, as those see them who make others of them. */
export class S3Concatenation implements Concatenation {
  readonly #bucket: S3Bucket

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket
  }

  async findPartial(id: UploadId, options: CallOptions = {}): Promise<FoundPartial> {
    const { record, isInObject } = await findRecord(this.#bucket, id, options)
    const { info } = record
    if (isInObject) return { info, objectBytes: info.lengthBytes }
    const objectBytes = (await findObject(this.#bucket, id, options))?.sizeBytes
    // A record without a length may be an old one that arrived late; then the object is what counts.
    const isWhole = info.lengthBytes === undefined || info.lengthBytes === objectBytes
    return { info, objectBytes: isWhole ? objectBytes : undefined }
  }

  async clearPending(id: UploadId, options: CallOptions = {}): Promise<void> {
    await deleteMark(this.#bucket, id, 'pending', options)
  }

  async mark(id: UploadId, mark: UploadMark, options: CallOptions = {}): Promise<void> {
    await putMark(this.#bucket, id, mark, options)
  }
}
