import type { StoredPart } from './multipart-calls.ts'
import type { PartPosition } from './part-plan.ts'

/** How far parts that get stored in any order reach without a gap: only so far do they count. */
export class StoredPrefix {
  readonly #onStored: (offsetBytes: number) => void
  readonly #aheadBytes = new Map<number, number>()
  #next: PartPosition

  constructor(next: PartPosition, onStored: (offsetBytes: number) => void) {
    this.#next = next
    this.#onStored = onStored
  }

  add({ partNumber, sizeBytes }: StoredPart): void {
    this.#aheadBytes.set(partNumber, sizeBytes)
    const before = this.#next.offsetBytes
    for (let size = this.#takeNext(); size !== undefined; size = this.#takeNext()) {
      this.#next = { partNumber: this.#next.partNumber + 1, offsetBytes: this.#next.offsetBytes + size }
    }
    if (this.#next.offsetBytes > before) this.#onStored(this.#next.offsetBytes)
  }

  #takeNext(): number | undefined {
    const { partNumber } = this.#next
    const size = this.#aheadBytes.get(partNumber)
    this.#aheadBytes.delete(partNumber)
    return size
  }
}
