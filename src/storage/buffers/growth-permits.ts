/** How long a part waits for others to go on their way before it counts them as stuck. */
const PATIENCE_MS = 1_000

interface Waiter {
  readonly holder: object
  readonly slabs: number
  readonly settle: (isPermitted: boolean) => void
}

/**
 * Who may gather a whole part while memory is short. If all uploads of a crowd gathered at once, none would get its
 * part full, and all would go to the disk; so some do, in turn, and the sockets of the others wait. Those that wait in
 * vain, because slow clients hold all permits, are told so, and the ones after them at once.
 */
export class GrowthPermits {
  readonly #limitSlabs: number
  readonly #slabsByHolder = new Map<object, number>()
  readonly #waiting: Waiter[] = []
  #takenSlabs = 0
  /** How many permits have come back. */
  #ended = 0
  #isStuck = false

  constructor(limitSlabs: number) {
    this.#limitSlabs = limitSlabs
  }

  /** Waits for the permit to gather `slabs` in all; false if it can't be had in time. */
  async get(holder: object, slabs: number): Promise<boolean> {
    if (this.#slabsByHolder.has(holder)) return true
    if (this.#waiting.length === 0 && this.#fits(slabs)) {
      this.#grant(holder, slabs)
      return true
    }
    if (this.#isStuck) return false
    return await new Promise((resolve) => this.#wait({ holder, slabs }, resolve))
  }

  /** Gives the permit back, if there is one. */
  end(holder: object): void {
    const slabs = this.#slabsByHolder.get(holder)
    if (slabs === undefined) return
    this.#slabsByHolder.delete(holder)
    this.#takenSlabs -= slabs
    this.#ended += 1
    this.#isStuck = false
    for (let next = this.#waiting[0]; next && this.#fits(next.slabs); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#grant(next.holder, next.slabs)
      next.settle(true)
    }
  }

  /** A part that is larger than the limit goes alone. */
  #fits(slabs: number): boolean {
    return this.#takenSlabs === 0 || this.#takenSlabs + slabs <= this.#limitSlabs
  }

  #grant(holder: object, slabs: number): void {
    this.#slabsByHolder.set(holder, slabs)
    this.#takenSlabs += slabs
  }

  #wait(request: Omit<Waiter, 'settle'>, resolve: (isPermitted: boolean) => void): void {
    let timer = setTimeout(() => undefined)
    const waiter: Waiter = {
      ...request,
      settle: (isPermitted) => {
        clearTimeout(timer)
        resolve(isPermitted)
      },
    }
    const waitOn = (): void => {
      const endedBefore = this.#ended
      clearTimeout(timer)
      timer = setTimeout(() => (this.#ended === endedBefore ? this.#giveUp(waiter) : waitOn()), PATIENCE_MS)
    }
    this.#waiting.push(waiter)
    waitOn()
  }

  #giveUp(waiter: Waiter): void {
    this.#isStuck = true
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
    waiter.settle(false)
  }
}
