/** Gathers the bytes of one part until it is full: `add` takes what fits and gives back the rest. */
export class PartBuffer {
  readonly #chunks: Uint8Array[] = []
  readonly #capacityBytes: number
  #sizeBytes = 0

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get isFull(): boolean {
    return this.#sizeBytes === this.#capacityBytes
  }

  /** Takes as much of `chunk` as fits and returns what does not. */
  add(chunk: Uint8Array): Uint8Array {
    const room = this.#capacityBytes - this.#sizeBytes
    const taken = chunk.subarray(0, room)
    if (taken.byteLength > 0) this.#chunks.push(taken)
    this.#sizeBytes += taken.byteLength
    return chunk.subarray(room)
  }

  /** All bytes in one Buffer: a body that can be sent again, with a Content-Length (a stream can be neither). */
  toBuffer(): Buffer {
    return Buffer.concat(this.#chunks, this.#sizeBytes)
  }
}
