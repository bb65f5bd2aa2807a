/** Lets so many go on at once; the others wait, first come, first served. */
export class Turns {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running += 1
    try {
      return await work()
    } finally {
      // The turn goes to the next one, or back.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running -= 1
    }
  }
}
