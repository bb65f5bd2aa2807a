import type { UploadBody, WriteBodyOptions } from '../../../core/upload-store.ts'
import { PartBuffer } from '../../buffers/part-buffer.ts'
import { payloadOf } from '../../buffers/payload.ts'
import { type RunningChecksum, startChecksum } from './checksum.ts'
import { finishUpload } from './finish-upload.ts'
import type { MultipartUpload, StoredPart } from './multipart-calls.ts'
import { type PartPosition, partSizeAt } from './part-plan.ts'
import { PartUploads } from './part-uploads.ts'
import { uploadPart } from './payload-calls.ts'
import { recordUpload, startMultipart } from './start-multipart.ts'
import { StoredPrefix } from './stored-prefix.ts'
import { partsEndBytes } from './upload-progress.ts'
import type { UploadContext, UploadState } from './upload-state.ts'
import { MAX_TAIL_PIECES, fetchTail, putPiece } from './upload-tail.ts'

/** Parts of one write on their way at once hold at most this much memory (one part, if parts are larger). */
const MAX_IN_FLIGHT_BYTES = 64 * 1024 ** 2
const MAX_IN_FLIGHT_PARTS = 60

/**
 * Appends `body` to an upload: whole parts as they fill, then the object if that was all of it, else the tail. An old
 * tail is replaced only after every part before it is stored. Rejects only when no request is running any more. Takes
 * over the memory of `state`, and gives back one that may have some.
 *
 * Of a body that is to be verified, the first part is held back until it is: the parts behind it, sent meanwhile, are
 * parts behind a gap, and do not count.
 */
export async function writeParts(
  context: UploadContext,
  state: UploadState,
  body: UploadBody,
  options: WriteBodyOptions,
): Promise<UploadState> {
  const writer = new PartWriter(context, state, options)
  try {
    await writer.takeTail()
    for await (const chunk of body) await writer.add(chunk)
    return await writer.finish()
  } catch (error) {
    await writer.abandon()
    throw error
  }
}

class PartWriter {
  readonly #context: UploadContext
  readonly #options: WriteBodyOptions
  readonly #uploads: PartUploads
  #state: UploadState
  #position: PartPosition
  #buffer: PartBuffer<RunningChecksum>
  /** How much of the buffer is stored as the tail. */
  #tailBytes = 0
  /** The first part of a body that is not verified yet. */
  #held: { readonly start: () => Promise<void>; readonly release: () => Promise<void> } | undefined
  #isVerified: boolean

  constructor(context: UploadContext, state: UploadState, options: WriteBodyOptions) {
    this.#context = context
    this.#state = { ...state, buffer: undefined }
    this.#options = options
    this.#isVerified = options.verify === undefined
    this.#position = {
      partNumber: state.progress.parts.length + 1,
      offsetBytes: partsEndBytes(state.progress),
    }
    this.#buffer = state.buffer ?? this.#nextBuffer()
    this.#tailBytes = this.#buffer.sizeBytes
    const prefix = options.onStored && new StoredPrefix(this.#position, options.onStored)
    this.#uploads = new PartUploads({
      limit: inFlightLimit(this.#partSizeBytes()),
      acquireSlot: context.acquirePartSlot,
      onStored: (part) => prefix?.add(part),
    })
  }

  /** Puts the tail of the last write in front: its bytes become part of the next part. */
  async takeTail(): Promise<void> {
    const { record, progress } = this.#state
    if (!progress.tail || this.#tailBytes > 0) return
    const bytes = await fetchTail(this.#context.bucket, record.info.id, progress.tail, this.#options)
    if (progress.tail.startBytes === undefined) await this.#markTail(bytes)
    this.#tailBytes = bytes.byteLength
    await this.add(bytes)
  }

  async add(chunk: Uint8Array): Promise<void> {
    let rest = await this.#buffer.add(chunk)
    while (this.#buffer.isFull && !this.#isLast()) {
      await this.#sendPart()
      rest = await this.#buffer.add(rest)
    }
  }

  /** Stores what is left over. */
  async finish(): Promise<UploadState> {
    await this.#verify()
    const sent = await this.#uploads.finish()
    this.#addParts(sent)
    if (this.#isLast()) return await this.#complete()
    await this.#ensureRecord()
    if (sent.length > 0 && this.#buffer.sizeBytes === 0) this.#dropTail()
    else if (this.#buffer.sizeBytes > this.#tailBytes || sent.length > 0)
      await this.#storeTail(sent.length > 0)
    return { ...this.#state, buffer: this.#buffer }
  }

  #addParts(sent: readonly StoredPart[]): void {
    const { progress } = this.#state
    const storedAtMs = this.#hasGrown(sent) ? Date.now() : progress.storedAtMs
    this.#state = {
      ...this.#state,
      progress: { ...progress, parts: [...progress.parts, ...sent], storedAtMs },
    }
  }

  #hasGrown(sent: readonly StoredPart[]): boolean {
    return sent.length > 0 || this.#buffer.sizeBytes > this.#tailBytes
  }

  /** After a failure: waits until no request is running and frees the memory. */
  async abandon(): Promise<void> {
    await this.#uploads.settle()
    await this.#held?.release()
    await this.#buffer.release()
  }

  async #verify(): Promise<void> {
    await this.#options.verify?.()
    this.#isVerified = true
    const held = this.#held
    this.#held = undefined
    await held?.start()
  }

  /** Whether what is in the buffer ends the upload. */
  #isLast(): boolean {
    return this.#position.offsetBytes + this.#buffer.sizeBytes === this.#state.record.info.lengthBytes
  }

  async #complete(): Promise<UploadState> {
    const last = { payload: this.#buffer.payload(), running: this.#buffer.observer }
    const finish = async (): Promise<UploadState> =>
      await finishUpload(this.#context.bucket, this.#state, last, this.#options)
    // A small file does not wait for large ones; one that comes from the disk takes memory beyond the budget.
    const finished = this.#buffer.isInMemory ? await finish() : await this.#inTurn(finish)
    await this.#buffer.release()
    return finished
  }

  async #sendPart(): Promise<void> {
    const multipart = await this.#multipart()
    await this.#giveUpStrayParts(multipart)
    const full = this.#buffer
    const { partNumber, offsetBytes } = this.#position
    this.#position = { partNumber: partNumber + 1, offsetBytes: offsetBytes + full.sizeBytes }
    const part = { partNumber, payload: full.payload(), running: full.observer }
    this.#buffer = this.#nextBuffer()
    this.#tailBytes = 0
    const start = async (): Promise<void> => {
      full.markSending()
      await this.#uploads.start({
        send: async () => await uploadPart(this.#context.bucket, multipart, part, this.#options),
        release: async () => await full.release(),
      })
    }
    if (this.#isVerified || this.#held) return await start()
    this.#held = { start, release: async () => await full.release() }
    full.rest()
  }

  /** An upload that turned out to be larger than one part gets its multipart upload now. */
  async #multipart(): Promise<MultipartUpload> {
    const { record } = this.#state
    const { multipartId } = record
    const key = record.info.id
    if (multipartId !== undefined)
      return { key, uploadId: multipartId, checksumAlgorithm: record.checksumAlgorithm }
    const started = await startMultipart(this.#context.bucket, record, this.#options)
    this.#state = { ...this.#state, record: started, isRecorded: true }
    return { key, uploadId: started.multipartId, checksumAlgorithm: started.checksumAlgorithm }
  }

  /** Sends with one of the slots: when all clients go at once, what they leave is not stored all at once. */
  async #inTurn<Result>(send: () => Promise<Result>): Promise<Result> {
    const freeSlot = await this.#context.acquirePartSlot()
    try {
      return await send()
    } finally {
      freeSlot()
    }
  }

  async #ensureRecord(): Promise<void> {
    this.#state = await recordUpload(this.#context, this.#state, this.#options)
  }

  /**
   * Parts after a gap were never acknowledged: the client may send other bytes in their place. They are overwritten
   * with empty ones, which count as missing, before a part closes the gap in front of them.
   */
  async #giveUpStrayParts(multipart: MultipartUpload): Promise<void> {
    const { progress } = this.#state
    if (progress.strayPartNumbers.length === 0) return
    const payload = payloadOf('')
    for (const partNumber of progress.strayPartNumbers) {
      await uploadPart(this.#context.bucket, multipart, { partNumber, payload }, this.#options)
    }
    this.#state = { ...this.#state, progress: { ...progress, strayPartNumbers: [] } }
  }

  /** What is left of an older tail says where it starts, and is ignored from now on. */
  #dropTail(): void {
    this.#state = { ...this.#state, progress: { ...this.#state.progress, tail: undefined } }
  }

  /** Stores the bytes that are not yet: as one more piece of the tail, or with all of it as a new one. */
  async #storeTail(isNew: boolean): Promise<void> {
    const { record, progress } = this.#state
    const sizes = progress.tail?.pieceSizesBytes ?? []
    const isAppended = !isNew && sizes.length > 0 && sizes.length < MAX_TAIL_PIECES
    const index = isAppended ? sizes.length : 0
    const skippedBytes = isAppended ? this.#tailBytes : 0
    const payload = this.#buffer.payload(skippedBytes)
    const startBytes = this.#position.offsetBytes
    const piece = { index, startBytes: startBytes + skippedBytes, payload }
    await this.#inTurn(async () => await putPiece(this.#context.bucket, record.info.id, piece, this.#options))
    const pieceSizesBytes = [...(isAppended ? sizes : []), payload.sizeBytes]
    const tailObjects = Math.max(progress.tailObjects, index + 1)
    this.#state = {
      ...this.#state,
      progress: { ...progress, tail: { startBytes, pieceSizesBytes, storedAtMs: Date.now() }, tailObjects },
    }
  }

  /** Another server's tail does not say where it starts: it must before a part is stored behind it. */
  async #markTail(bytes: Buffer): Promise<void> {
    const { record, progress } = this.#state
    const startBytes = this.#position.offsetBytes
    const piece = { index: 0, startBytes, payload: payloadOf(bytes) }
    await putPiece(this.#context.bucket, record.info.id, piece, this.#options)
    const tail = { startBytes, pieceSizesBytes: [bytes.byteLength], storedAtMs: Date.now() }
    this.#state = { ...this.#state, progress: { ...progress, tail } }
  }

  #nextBuffer(): PartBuffer<RunningChecksum> {
    const { bucket } = this.#context
    const { multipartId, checksumAlgorithm } = this.#state.record
    const algorithm = multipartId === undefined ? bucket.checksums.algorithm : checksumAlgorithm
    const observer = algorithm && startChecksum(algorithm)
    return new PartBuffer<RunningChecksum>(bucket.space, { capacityBytes: this.#partSizeBytes(), observer })
  }

  #partSizeBytes(): number {
    const { record, progress } = this.#state
    const { partSizeBytes, equalParts } = this.#context
    const [firstPart] = progress.parts
    return partSizeAt(this.#position, {
      // Equal to those that are stored, should the configured size have changed since.
      partSizeBytes: equalParts && firstPart ? firstPart.sizeBytes : partSizeBytes,
      equalParts,
      lengthBytes: record.info.lengthBytes,
      lengthWasDeferred: record.lengthWasDeferred,
    })
  }
}

function inFlightLimit(partSizeBytes: number): number {
  return Math.min(MAX_IN_FLIGHT_PARTS, Math.max(1, Math.floor(MAX_IN_FLIGHT_BYTES / partSizeBytes)))
}
