/** Random numbers that are the same for a seed, always (mulberry32): what a run does can be done again. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, but not including, 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number; both bounds can come. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1))
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<Value>(values: readonly [Value, ...(readonly Value[])]): Value {
    return values[this.integer(0, values.length - 1)] ?? values[0]
  }

  /** One of the values, as often as its weight says. */
  weighted<Value>(choices: readonly [Choice<Value>, ...(readonly Choice<Value>[])]): Value {
    const total = choices.reduce((sum, [weight]) => sum + weight, 0)
    let left = this.fraction() * total
    for (const [weight, value] of choices) {
      left -= weight
      if (left < 0) return value
    }
    return choices[0][1]
  }
}

type Choice<Value> = readonly [weight: number, value: Value]
