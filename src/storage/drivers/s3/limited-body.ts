import type { UploadBody } from '../../../core/upload-store.ts'

/** A body cut off after `limitBytes`. */
export class LimitedBody implements UploadBody {
  readonly #source: AsyncIterator<Uint8Array>
  #roomBytes: number
  #surplusSeen = false

  constructor(source: UploadBody, limitBytes: number) {
    this.#source = source[Symbol.asyncIterator]()
    this.#roomBytes = limitBytes
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    while (this.#roomBytes > 0) {
      const { done, value } = await this.#source.next()
      if (done === true) return
      this.#surplusSeen = value.byteLength > this.#roomBytes
      const taken = value.subarray(0, this.#roomBytes)
      this.#roomBytes -= taken.byteLength
      if (taken.byteLength > 0) yield taken
    }
  }

  /** Whether there is more than the limit: looks at what comes next, once the limit is reached. */
  async hasSurplus(): Promise<boolean> {
    while (!this.#surplusSeen && this.#roomBytes === 0) {
      const { done, value } = await this.#source.next()
      if (done === true) break
      this.#surplusSeen = value.byteLength > 0
    }
    return this.#surplusSeen
  }

  /** Lets go of the source. */
  async release(): Promise<void> {
    await this.#source.return?.()
  }
}
