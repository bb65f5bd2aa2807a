import type { CallOptions, UploadBody } from '../../../core/upload-store.ts'
import { finishUpload } from './finish-upload.ts'
import { type MultipartUpload, uploadPart } from './multipart-calls.ts'
import { PartBuffer } from './part-buffer.ts'
import { type PartPosition, partSizeAt } from './part-plan.ts'
import { PartUploads } from './part-uploads.ts'
import { partsEndBytes } from './upload-progress.ts'
import { startMultipart } from './start-multipart.ts'
import type { UploadContext, UploadState } from './upload-state.ts'
import { fetchTail, putTail } from './upload-tail.ts'

/** Parts of one write on their way at once hold at most this much memory (one part, if parts are larger). */
const MAX_IN_FLIGHT_BYTES = 128 * 1024 ** 2
const MAX_IN_FLIGHT_PARTS = 60

/**
 * Appends `body` to an upload: whole parts as they fill, then the object if that was all of it, else the tail. The old
 * tail is replaced only after every part before it is stored. Rejects only when no request is running any more.
 */
export async function writeParts(
  context: UploadContext,
  state: UploadState,
  body: UploadBody,
  options: CallOptions,
): Promise<UploadState> {
  const writer = new PartWriter(context, state, options)
  try {
    await writer.takeTail()
    for await (const chunk of body) await writer.add(chunk)
    return await writer.finish()
  } finally {
    await writer.settle()
  }
}

class PartWriter {
  readonly #context: UploadContext
  readonly #options: CallOptions
  readonly #uploads: PartUploads
  #state: UploadState
  #position: PartPosition
  #buffer: PartBuffer
  #tailBytes = 0

  constructor(context: UploadContext, state: UploadState, options: CallOptions) {
    this.#context = context
    this.#state = state
    this.#options = options
    this.#position = {
      partNumber: state.progress.parts.length + 1,
      offsetBytes: partsEndBytes(state.progress),
    }
    this.#buffer = new PartBuffer(this.#partSizeBytes())
    this.#uploads = new PartUploads({
      limit: inFlightLimit(this.#partSizeBytes()),
      acquireSlot: context.acquirePartSlot,
    })
  }

  /** Puts the tail of the last write in front: its bytes become part of the next part. */
  async takeTail(): Promise<void> {
    const { record, progress } = this.#state
    if (!progress.tail) return
    const body = await fetchTail(this.#context.bucket, record.info.id, progress.tail, this.#options)
    if (progress.tail.startBytes === undefined) await this.#putTail(body)
    this.#tailBytes = body.byteLength
    await this.add(body)
  }

  async add(chunk: Uint8Array): Promise<void> {
    let rest = this.#buffer.add(chunk)
    while (this.#buffer.isFull && !this.#isLast()) {
      await this.#sendPart(this.#buffer.toBuffer())
      rest = this.#buffer.add(rest)
    }
  }

  /** Stores what is left over. */
  async finish(): Promise<UploadState> {
    const sent = await this.#uploads.finish()
    const { progress } = this.#state
    this.#state = { ...this.#state, progress: { ...progress, parts: [...progress.parts, ...sent] } }
    if (this.#isLast()) {
      return await finishUpload(this.#context.bucket, this.#state, this.#buffer.toBuffer(), this.#options)
    }
    const isNew = sent.length > 0 || this.#buffer.sizeBytes > this.#tailBytes
    if (isNew) await this.#replaceTail()
    return this.#state
  }

  async settle(): Promise<void> {
    await this.#uploads.settle()
  }

  /** Whether what is in the buffer ends the upload. */
  #isLast(): boolean {
    return this.#position.offsetBytes + this.#buffer.sizeBytes === this.#state.record.info.lengthBytes
  }

  async #sendPart(body: Buffer): Promise<void> {
    const multipart = { key: this.#state.record.info.id, uploadId: await this.#multipartId() }
    await this.#giveUpStrayParts(multipart)
    const { bucket } = this.#context
    const { partNumber, offsetBytes } = this.#position
    await this.#uploads.start(() => uploadPart(bucket, multipart, { partNumber, body }, this.#options))
    this.#position = { partNumber: partNumber + 1, offsetBytes: offsetBytes + body.byteLength }
    this.#buffer = new PartBuffer(this.#partSizeBytes())
  }

  /** An upload that turned out to be larger than one part gets its multipart upload now. */
  async #multipartId(): Promise<string> {
    const { record } = this.#state
    if (record.multipartId !== undefined) return record.multipartId
    const started = await startMultipart(this.#context.bucket, record, this.#options)
    this.#state = { ...this.#state, record: started }
    return started.multipartId
  }

  /**
   * Parts after a gap were never acknowledged: the client may send other bytes in their place. They are overwritten
   * with empty ones, which count as missing, before a part closes the gap in front of them.
   */
  async #giveUpStrayParts(multipart: MultipartUpload): Promise<void> {
    const { progress } = this.#state
    if (progress.strayPartNumbers.length === 0) return
    const body = Buffer.alloc(0)
    for (const partNumber of progress.strayPartNumbers) {
      await uploadPart(this.#context.bucket, multipart, { partNumber, body }, this.#options)
    }
    this.#state = { ...this.#state, progress: { ...progress, strayPartNumbers: [] } }
  }

  async #replaceTail(): Promise<void> {
    const { progress } = this.#state
    if (this.#buffer.sizeBytes === 0) {
      // What is left of an older tail says where it starts, and is ignored from now on.
      this.#state = { ...this.#state, progress: { ...progress, tail: undefined } }
      return
    }
    await this.#putTail(this.#buffer.toBuffer())
  }

  async #putTail(body: Buffer): Promise<void> {
    const { record, progress } = this.#state
    const startBytes = this.#position.offsetBytes
    const tail = await putTail(this.#context.bucket, record.info.id, { body, startBytes }, this.#options)
    this.#state = { ...this.#state, progress: { ...progress, tail, hasTailObject: true } }
  }

  #partSizeBytes(): number {
    const { record } = this.#state
    return partSizeAt(this.#position, {
      partSizeBytes: this.#context.partSizeBytes,
      lengthBytes: record.info.lengthBytes,
      lengthWasDeferred: record.lengthWasDeferred,
    })
  }
}

function inFlightLimit(partSizeBytes: number): number {
  return Math.min(MAX_IN_FLIGHT_PARTS, Math.max(1, Math.floor(MAX_IN_FLIGHT_BYTES / partSizeBytes)))
}
