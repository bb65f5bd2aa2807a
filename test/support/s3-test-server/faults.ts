import type { Operation } from './operation.ts'

/** What goes wrong with a request. */
export type Fault =
  /** An error answer instead of doing it. */
  | { readonly kind: 'status'; readonly status: number; readonly code: string }
  /** Complete answers 200 and then an error in the body; nothing is done. */
  | { readonly kind: '200-with-error-body'; readonly code: string }
  /** The connection is reset before the body is read. */
  | { readonly kind: 'reset-before-body' }
  /** The body is read, nothing is done, the connection is reset. */
  | { readonly kind: 'reset-after-body' }
  /** It is done, and the connection is reset instead of an answer. */
  | { readonly kind: 'answer-lost' }
  /** Nothing happens for so long (or until released); then it goes on, or the connection is reset. */
  | { readonly kind: 'stall'; readonly ms: number; readonly afterwards?: 'go-on' | 'reset' }
  /** Both bodies pass at this rate. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** The connection is reset, and the request is done so much later (or when released) all the same: a zombie. */
  | { readonly kind: 'apply-later'; readonly ms: number }
  /** The answer's body ends after so many bytes, and the connection is reset. */
  | { readonly kind: 'truncated-answer'; readonly afterBytes: number }
  /** A listing's page has at most so many entries, whatever was asked for. */
  | { readonly kind: 'short-listing'; readonly maxEntries: number }
  /** ListParts or ListObjectsV2 shows what there was so many writes ago. */
  | { readonly kind: 'stale-listing'; readonly writesAgo: number }
  /** The server's clock is ahead by so much (behind, if negative): it shows in Date, and signatures are held against it. */
  | { readonly kind: 'clock-skew'; readonly aheadMs: number }

export interface FaultRule {
  readonly operation?: string | readonly string[]
  readonly key?: (key: string) => boolean
  readonly partNumber?: number
  /** How often it happens; once if left out. */
  readonly times?: number
  /** How many requests that match are let through first. */
  readonly skip?: number
  readonly fault: Fault
}

export interface InjectedFault {
  /** How often it has happened. */
  readonly hits: number
  /** Ends the stalls that it caused; what it put off is done now. */
  release(): void
}

class Injected implements InjectedFault {
  readonly rule: FaultRule
  readonly #released = new AbortController()
  #seen = 0
  hits = 0

  constructor(rule: FaultRule) {
    this.rule = rule
  }

  get released(): AbortSignal {
    return this.#released.signal
  }

  /** Counts the request if it matches, and tells whether it is to fail. */
  strikes(operation: Operation): boolean {
    if (!matches(this.rule, operation)) return false
    this.#seen += 1
    if (this.#seen <= (this.rule.skip ?? 0) || this.hits >= (this.rule.times ?? 1)) return false
    this.hits += 1
    return true
  }

  release(): void {
    this.#released.abort()
  }
}

function matches(rule: FaultRule, { name, key, partNumber }: Operation): boolean {
  const names = rule.operation === undefined ? undefined : [rule.operation].flat()
  return (
    (names === undefined || names.includes(name)) &&
    (rule.key === undefined || rule.key(key)) &&
    (rule.partNumber === undefined || rule.partNumber === partNumber)
  )
}

/** A fault that a request has met. */
export interface Struck {
  readonly fault: Fault
  readonly released: AbortSignal
}

/** The faults that a test has asked for. */
export class FaultPlan {
  #injected: Injected[] = []

  /** Makes requests fail from now on. */
  inject(rule: FaultRule): InjectedFault {
    const injected = new Injected(rule)
    this.#injected.push(injected)
    return injected
  }

  /** Nothing fails any more; what is stalled goes on, and what was put off is done now. */
  clear(): void {
    for (const injected of this.#injected) injected.release()
    this.#injected = []
  }

  /** The fault that this request meets, if any; the first rule that matches counts. */
  strike(operation: Operation): Struck | undefined {
    const struck = this.#injected.find((injected) => injected.strikes(operation))
    return struck && { fault: struck.rule.fault, released: struck.released }
  }
}
