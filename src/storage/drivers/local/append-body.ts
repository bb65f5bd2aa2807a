import type { FileHandle } from 'node:fs/promises'
import type { UploadBody } from '../../../core/upload-store.ts'

/** Chunks of a socket are small: this much is gathered for one write. */
const BATCH_BYTES = 1024 ** 2

/**
 * And no more chunks than this, the most that one writev takes (IOV_MAX of Linux and macOS): a client that sends
 * single bytes must not fill the memory with a million chunks.
 */
const BATCH_CHUNKS = 1024

/** Flushed so often for a caller that wants to know how far it is. */
const PROGRESS_BYTES = 16 * 1024 ** 2

export interface AppendOptions {
  readonly offsetBytes: number
  /** No more than this is written. */
  readonly limitBytes: number
  readonly signal?: AbortSignal | undefined
  /** Called with the offset up to which everything is on the disk. */
  readonly onStored?: ((offsetBytes: number) => void) | undefined
}

export interface Appended {
  readonly storedBytes: number
  /** Whether the body had more than the limit. */
  readonly hasSurplus: boolean
}

/**
 * Writes `body` into `file` from an offset on, and flushes it to the disk: only then are the bytes acknowledged. If the
 * body or the disk fails on the way, what had arrived is kept, as far as it could be written: the size of the file is
 * the offset.
 */
export async function appendBody(
  file: FileHandle,
  body: UploadBody,
  options: AppendOptions,
): Promise<Appended> {
  const writer = new BatchWriter(file, options)
  let hasSurplus = false
  try {
    hasSurplus = await copy(body, writer, options)
  } finally {
    await writer.end()
  }
  return { storedBytes: writer.writtenBytes, hasSurplus }
}

/** Writes what fits; tells whether there is more. */
async function copy(
  body: UploadBody,
  writer: BatchWriter,
  { limitBytes, signal }: AppendOptions,
): Promise<boolean> {
  let roomBytes = limitBytes
  for await (const chunk of body) {
    signal?.throwIfAborted()
    const taken = chunk.subarray(0, roomBytes)
    roomBytes -= taken.byteLength
    await writer.add(taken)
    if (taken.byteLength < chunk.byteLength) return true
  }
  return false
}

class BatchWriter {
  readonly #file: FileHandle
  readonly #startBytes: number
  readonly #onStored: AppendOptions['onStored']
  #flushedBytes = 0
  #batch: Uint8Array[] = []
  #batchBytes = 0
  writtenBytes = 0

  constructor(file: FileHandle, { offsetBytes, onStored }: Pick<AppendOptions, 'offsetBytes' | 'onStored'>) {
    this.#file = file
    this.#startBytes = offsetBytes
    this.#onStored = onStored
  }

  async add(chunk: Uint8Array): Promise<void> {
    if (chunk.byteLength === 0) return
    this.#batch.push(chunk)
    this.#batchBytes += chunk.byteLength
    if (this.#batchBytes >= BATCH_BYTES || this.#batch.length >= BATCH_CHUNKS) await this.#writeBatch()
    if (this.#onStored && this.writtenBytes - this.#flushedBytes >= PROGRESS_BYTES) {
      await this.#flush()
      this.#onStored(this.#startBytes + this.writtenBytes)
    }
  }

  /** Writes the last batch and puts everything on the disk. */
  async end(): Promise<void> {
    try {
      await this.#writeBatch()
    } finally {
      if (this.writtenBytes > 0) await this.#flush()
    }
  }

  async #writeBatch(): Promise<void> {
    // A write may be partial (a full disk, a signal): go on with the rest until it fails or is done.
    let pending = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    while (pending.length > 0) {
      const { bytesWritten } = await this.#file.writev(pending, this.#startBytes + this.writtenBytes)
      this.writtenBytes += bytesWritten
      pending = skip(pending, bytesWritten)
    }
  }

  async #flush(): Promise<void> {
    try {
      await this.#file.datasync()
      this.#flushedBytes = this.writtenBytes
    } catch (error) {
      // Nobody knows what is on the disk now, and the next flush would report success without trying again (Linux
      // marks the pages clean): only what was acknowledged before may count.
      await this.#file.truncate(this.#startBytes + this.#flushedBytes)
      throw error
    }
  }
}

/** What is left of `chunks` after their first `bytes`. */
function skip(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let rest = bytes
  return chunks.flatMap((chunk) => {
    const left = chunk.subarray(Math.min(rest, chunk.byteLength))
    rest -= chunk.byteLength - left.byteLength
    return left.byteLength > 0 ? [left] : []
  })
}
