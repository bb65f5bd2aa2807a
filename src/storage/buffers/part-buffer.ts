import { type BufferMemory, SLAB_BYTES } from './buffer-memory.ts'
import type { Payload } from './payload.ts'
import { SpillFile } from './spill-file.ts'

/** Where the bytes of parts are kept until they are stored. */
export interface BufferSpace {
  readonly memory: BufferMemory
  /** For what finds no room in memory. */
  readonly spillDirectory: string
}

/** Sees every byte as it arrives. */
export interface ByteObserver {
  update(bytes: Uint8Array): void
}

export interface PartBufferOptions<Observer> {
  readonly capacityBytes: number
  readonly observer?: Observer | undefined
}

/** Gathers the bytes of one part until it is full: `add` takes what fits. In memory, or on disk once that is spent. */
export class PartBuffer<Observer extends ByteObserver = ByteObserver> {
  readonly observer: Observer | undefined
  readonly #space: BufferSpace
  readonly #capacityBytes: number
  #slabs: Buffer[] = []
  #spill: SpillFile | undefined
  #sizeBytes = 0
  #isSending = false

  constructor(space: BufferSpace, { capacityBytes, observer }: PartBufferOptions<Observer>) {
    this.#space = space
    this.#capacityBytes = capacityBytes
    this.observer = observer
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get isFull(): boolean {
    return this.#sizeBytes === this.#capacityBytes
  }

  /** Whether all of it is in memory. */
  get isInMemory(): boolean {
    return this.#spill === undefined
  }

  /**
   * Takes as much of `chunk` as fits and returns what does not.
   * @throws TuskerError ERR_STORAGE_UNAVAILABLE if there is room neither in memory nor on the disk
   */
  async add(chunk: Uint8Array): Promise<Uint8Array> {
    const taken = chunk.subarray(0, this.#capacityBytes - this.#sizeBytes)
    this.observer?.update(taken)
    for (let rest = taken; rest.byteLength > 0;) rest = await this.#keep(rest)
    return chunk.subarray(taken.byteLength)
  }

  /** What is in it from `startBytes` on; good until `release`. */
  payload(startBytes = 0): Payload {
    return {
      sizeBytes: this.#sizeBytes - startBytes,
      chunks: () => this.#spill?.read(startBytes) ?? this.#memoryChunks(startBytes),
    }
  }

  /** Says that it is on its way to the storage, and its memory about to be free. */
  markSending(): void {
    this.#isSending = true
    this.#space.memory.countSending(this.#slabs.length)
  }

  /** Says that no more bytes come for now: it is the turn of others. */
  rest(): void {
    this.#space.memory.endGrowth(this)
  }

  /** Frees memory and disk. */
  async release(): Promise<void> {
    if (this.#isSending) this.#space.memory.countSending(-this.#slabs.length)
    this.#isSending = false
    this.#freeMemory()
    this.#sizeBytes = 0
    const spill = this.#spill
    this.#spill = undefined
    await spill?.close()
  }

  /** Keeps some of `bytes`; the rest. */
  async #keep(bytes: Uint8Array): Promise<Uint8Array> {
    const used = this.#sizeBytes % SLAB_BYTES
    if (this.#spill === undefined && used === 0) await this.#addSlab()
    if (this.#spill !== undefined) {
      await this.#spill.append(bytes)
      this.#sizeBytes += bytes.byteLength
      return bytes.subarray(bytes.byteLength)
    }
    const fitting = bytes.subarray(0, SLAB_BYTES - used)
    this.#slabs.at(-1)?.set(fitting, used)
    this.#sizeBytes += fitting.byteLength
    return bytes.subarray(fitting.byteLength)
  }

  async #addSlab(): Promise<void> {
    const slab = await this.#space.memory.take({
      holder: this,
      heldSlabs: this.#slabs.length,
      neededSlabs: Math.ceil(this.#capacityBytes / SLAB_BYTES),
    })
    if (slab === undefined) await this.#moveToDisk()
    else this.#slabs.push(slab)
  }

  async #moveToDisk(): Promise<void> {
    const spill = await SpillFile.create(this.#space.spillDirectory)
    try {
      for (const chunk of this.#memoryChunks(0)) await spill.append(chunk)
    } catch (error) {
      await spill.close()
      throw error
    }
    this.#spill = spill
    this.#freeMemory()
  }

  #freeMemory(): void {
    this.#space.memory.give(this.#slabs)
    this.#space.memory.endGrowth(this)
    this.#slabs = []
  }

  *#memoryChunks(startBytes: number): Iterable<Uint8Array> {
    for (let position = startBytes; position < this.#sizeBytes;) {
      const within = position % SLAB_BYTES
      const end = Math.min(SLAB_BYTES, within + this.#sizeBytes - position)
      const chunk = this.#slabs[Math.floor(position / SLAB_BYTES)]?.subarray(within, end)
      if (chunk === undefined) return
      position += chunk.byteLength
      yield chunk
    }
  }
}
