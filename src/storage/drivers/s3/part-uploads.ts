import type { StoredPart } from './multipart-calls.ts'

export interface PartUploadsOptions {
  /** At most this many parts of one write on their way at once: bounds its memory. */
  readonly limit: number
  /** Waits for a slot that all uploads of the location share, and gives back how to free it. */
  readonly acquireSlot: () => Promise<() => void>
  /** Called when a part is stored, in whatever order. */
  readonly onStored?: ((part: StoredPart) => void) | undefined
}

/** One part: how to send it, and how to free what it holds, which is done in any case. */
export interface PartUpload {
  readonly send: () => Promise<StoredPart>
  readonly release: () => Promise<void>
}

/**
 * The parts of one write that are on their way. A slot is taken when a part is ready, never while a client is being
 * waited for; after a failure nothing more is started, and nobody leaves before the last request has settled.
 */
export class PartUploads {
  readonly #options: PartUploadsOptions
  readonly #running = new Set<Promise<void>>()
  readonly #stored: StoredPart[] = []
  #failure: { readonly error: unknown } | undefined

  constructor(options: PartUploadsOptions) {
    this.#options = options
  }

  /** Starts a part as soon as there is room. @throws what an earlier part failed with */
  async start(part: PartUpload): Promise<void> {
    while (this.#running.size >= this.#options.limit) await Promise.race(this.#running)
    if (this.#failure) await part.release()
    this.#throwFailure()
    const freeSlot = await this.#options.acquireSlot()
    const running = this.#run(part, freeSlot)
    this.#running.add(running)
    void running.then(() => this.#running.delete(running))
  }

  async #run({ send, release }: PartUpload, freeSlot: () => void): Promise<void> {
    try {
      const stored = await send()
      this.#stored.push(stored)
      this.#options.onStored?.(stored)
    } catch (error) {
      this.#failure ??= { error }
    } finally {
      freeSlot()
      await release()
    }
  }

  /** Waits for all of them; in order of their numbers. @throws what the first failed one failed with */
  async finish(): Promise<StoredPart[]> {
    await this.settle()
    this.#throwFailure()
    return this.#stored.toSorted((a, b) => a.partNumber - b.partNumber)
  }

  /** Waits until no request is running, whatever became of them. */
  async settle(): Promise<void> {
    await Promise.all(this.#running)
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}
