import type { UploadId } from '../../../core/upload-id.ts'
import type { PartBuffer } from '../../buffers/part-buffer.ts'
import type { BufferMemory } from '../../buffers/buffer-memory.ts'
import type { UploadState } from './upload-state.ts'

/** About 20 MiB of parts, and as many uploads as one server has open. */
const MAX_UPLOADS = 10_000
const MAX_PARTS = 100_000

/**
 * Where uploads stood when this process last held their locks, so that the next request on one asks S3 nothing. Only
 * for callers who can prove that nobody else has held the lock since. While a write goes on, its upload is forgotten:
 * one that fails leaves nothing behind that could be wrong.
 */
export class RememberedUploads {
  /** The least recently used first. */
  readonly #states = new Map<UploadId, UploadState>()
  /** Tails in memory, which S3 has too: given up when memory is short. */
  readonly #buffers = new Map<UploadId, PartBuffer>()
  #parts = 0

  constructor(memory: BufferMemory) {
    memory.onShortage(() => this.#giveUpBuffer())
  }

  /** Without forgetting it. */
  get(id: UploadId): UploadState | undefined {
    return this.#states.get(id)
  }

  /** Takes over the state, and the memory that belongs to it. */
  keep(state: UploadState): void {
    const { id } = state.record.info
    const { buffer } = state
    const isWorthKeeping = buffer !== undefined && buffer.isInMemory && buffer.sizeBytes > 0
    if (isWorthKeeping) this.#buffers.set(id, buffer)
    if (isWorthKeeping) buffer.rest()
    else void buffer?.release()
    this.#states.set(id, isWorthKeeping ? state : { ...state, buffer: undefined })
    this.#parts += state.progress.parts.length
    while (this.#states.size > MAX_UPLOADS || this.#parts > MAX_PARTS) this.#dropOldest()
  }

  /** Hands the state, and its memory, to the caller. */
  take(id: UploadId): UploadState | undefined {
    const state = this.#states.get(id)
    if (state === undefined) return undefined
    this.#states.delete(id)
    this.#buffers.delete(id)
    this.#parts -= state.progress.parts.length
    return state
  }

  /** Lets go of it and its memory. */
  forget(id: UploadId): void {
    void this.take(id)?.buffer?.release()
  }

  #dropOldest(): void {
    for (const id of this.#states.keys()) return this.forget(id)
  }

  #giveUpBuffer(): boolean {
    for (const [id, buffer] of this.#buffers) {
      const state = this.#states.get(id)
      if (state) this.#states.set(id, { ...state, buffer: undefined })
      this.#buffers.delete(id)
      void buffer.release()
      return true
    }
    return false
  }
}
