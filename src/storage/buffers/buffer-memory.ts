import { GrowthPermits } from './growth-permits.ts'

/** What memory is handed out in: the size of a full read from a socket, so that no part of a slab is left over. */
export const SLAB_BYTES = 64 * 1024

/** Of the budget, for what is on its way into the slabs and out of the files: chunks of sockets, reads. */
const TRANSIENT_SHARE = 1 / 4

/** How long a taker waits for bytes that are being sent, before it turns to the disk. */
const WAIT_MS = 250

/** So much of the memory is for whoever comes; in the rest, parts are gathered in turn. */
const FREE_SHARE = 1 / 2

/** So much may be gathered without its turn: small files do not wait for large ones. */
const FREE_SLABS = 4

export interface SlabRequest {
  /** The part that it is for. */
  readonly holder: object
  readonly heldSlabs: number
  /** What the whole part takes. */
  readonly neededSlabs: number
}

interface Waiter {
  readonly settle: (slab: Buffer | undefined) => void
}

/**
 * The memory for bytes on their way from clients to storage: one budget for the whole process, in slabs that are used
 * again and again, so that it does not depend on the garbage collector. Whoever gets none writes to the disk instead.
 */
export class BufferMemory {
  readonly #limitSlabs: number
  readonly #idle: Buffer[] = []
  readonly #waiting: Waiter[] = []
  readonly #reclaimers = new Set<() => boolean>()
  readonly #permits: GrowthPermits
  #allocatedSlabs = 0
  #sendingSlabs = 0

  /** @param budgetBytes all that bytes on their way may hold; three quarters of it are slabs */
  constructor(budgetBytes: number) {
    this.#limitSlabs = Math.max(1, Math.floor((budgetBytes * (1 - TRANSIENT_SHARE)) / SLAB_BYTES))
    this.#permits = new GrowthPermits(this.#limitSlabs * (1 - FREE_SHARE))
  }

  /** Bytes in use; what is kept for the next user is not. */
  get usedBytes(): number {
    return this.#usedSlabs * SLAB_BYTES
  }

  get #usedSlabs(): number {
    return this.#allocatedSlabs - this.#idle.length
  }

  /**
   * A slab; undefined if the budget is spent. While parts are being sent their memory is about to come back: then it
   * waits for it, in turn, which is what slows clients down that are faster than the storage.
   */
  async take({ holder, heldSlabs, neededSlabs }: SlabRequest): Promise<Buffer | undefined> {
    const isFree = heldSlabs < FREE_SLABS || this.#hasFreeShare()
    if (!isFree && !(await this.#permits.get(holder, neededSlabs))) return undefined
    const slab = this.#waiting.length === 0 ? this.#takeNow() : undefined
    if (slab !== undefined || this.#sendingSlabs === 0) return slab
    return await new Promise((resolve) => this.#wait(resolve))
  }

  /** The part has given its memory back, or takes no more for now. */
  endGrowth(holder: object): void {
    this.#permits.end(holder)
  }

  /** Gives slabs back. */
  give(slabs: readonly Buffer[]): void {
    for (const slab of slabs) {
      const waiter = this.#waiting.shift()
      if (waiter === undefined) this.#idle.push(slab)
      else waiter.settle(slab)
    }
  }

  /** Says that so many slabs are being sent (negative: not any more). */
  countSending(slabs: number): void {
    this.#sendingSlabs += slabs
  }

  /** Registers what can do without memory that it holds: called when the budget is spent; true if it gave some back. */
  onShortage(reclaim: () => boolean): void {
    this.#reclaimers.add(reclaim)
  }

  #hasFreeShare(): boolean {
    do {
      if (this.#usedSlabs < this.#limitSlabs * FREE_SHARE) return true
    } while (this.#reclaim())
    return false
  }

  #takeNow(): Buffer | undefined {
    do {
      const slab = this.#idle.pop() ?? this.#allocate()
      if (slab !== undefined) return slab
    } while (this.#reclaim())
    return undefined
  }

  #reclaim(): boolean {
    return [...this.#reclaimers].some((reclaim) => reclaim())
  }

  #allocate(): Buffer | undefined {
    if (this.#allocatedSlabs >= this.#limitSlabs) return undefined
    this.#allocatedSlabs += 1
    return Buffer.allocUnsafeSlow(SLAB_BYTES)
  }

  #wait(resolve: (slab: Buffer | undefined) => void): void {
    const waiter = {
      settle: (slab: Buffer | undefined) => {
        clearTimeout(timer)
        resolve(slab)
      },
    }
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
      resolve(undefined)
    }, WAIT_MS)
    this.#waiting.push(waiter)
  }
}
