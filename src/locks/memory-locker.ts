import { TuskerError } from '../core/errors.ts'
import type { Lock, Locker, RequestRelease } from '../core/ports.ts'

export interface MemoryLockerOptions {
  /** How long `lock` waits for the holder to let go. */
  readonly timeoutMs: number
}

interface Waiter {
  readonly owner: symbol
  readonly requestRelease: RequestRelease
  readonly grant: () => void
}

interface Queue {
  holder: Waiter
  /** A holder is asked once to let go, however many wait. */
  holderWasAsked: boolean
  readonly waiting: Waiter[]
}

/** Locks for one process: first come, first served; whoever waits sleeps on a promise. */
export function createMemoryLocker({ timeoutMs }: MemoryLockerOptions): Locker {
  const queues = new Map<string, Queue>()
  return { newLock: (id) => new MemoryLock(queues, id, timeoutMs) }
}

class MemoryLock implements Lock {
  readonly #queues: Map<string, Queue>
  readonly #id: string
  readonly #timeoutMs: number
  readonly #owner = Symbol('owner')
  /** There is no other process. */
  readonly isContinued = true

  constructor(queues: Map<string, Queue>, id: string, timeoutMs: number) {
    this.#queues = queues
    this.#id = id
    this.#timeoutMs = timeoutMs
  }

  async lock(signal: AbortSignal, requestRelease: RequestRelease): Promise<void> {
    if (signal.aborted) throw locked('the request is gone')
    const queue = this.#queues.get(this.#id)
    if (queue === undefined) this.#take(requestRelease)
    else await this.#wait(queue, signal, requestRelease)
  }

  tryLock(requestRelease: RequestRelease): Promise<boolean> {
    const isFree = !this.#queues.has(this.#id)
    if (isFree) this.#take(requestRelease)
    return Promise.resolve(isFree)
  }

  #take(requestRelease: RequestRelease): void {
    const holder = { owner: this.#owner, requestRelease, grant: () => undefined }
    this.#queues.set(this.#id, { holder, holderWasAsked: false, waiting: [] })
  }

  #wait(queue: Queue, signal: AbortSignal, requestRelease: RequestRelease): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        done()
      }
      const waiter: Waiter = { owner: this.#owner, requestRelease, grant: () => settle(resolve) }
      const giveUp = (reason: string): void => {
        queue.waiting.splice(queue.waiting.indexOf(waiter), 1)
        settle(() => reject(locked(reason)))
      }
      const onAbort = (): void => giveUp('the request is gone')
      const timer = setTimeout(() => giveUp('the holder did not let go in time'), this.#timeoutMs)
      signal.addEventListener('abort', onAbort, { once: true })
      queue.waiting.push(waiter)
      askToRelease(queue)
    })
  }

  unlock(): Promise<void> {
    const queue = this.#queues.get(this.#id)
    if (queue?.holder.owner === this.#owner) this.#passOn(queue)
    return Promise.resolve()
  }

  #passOn(queue: Queue): void {
    const next = queue.waiting.shift()
    if (next === undefined) {
      this.#queues.delete(this.#id)
      return
    }
    queue.holder = next
    queue.holderWasAsked = false
    next.grant()
    // Those behind it wait for the new holder now.
    if (queue.waiting.length > 0) askToRelease(queue)
  }
}

/** The holder's own faults are not those of the one that waits. */
function askToRelease(queue: Queue): void {
  if (queue.holderWasAsked) return
  queue.holderWasAsked = true
  void Promise.resolve()
    .then(queue.holder.requestRelease)
    .catch(() => undefined)
}

function locked(reason: string): TuskerError {
  return new TuskerError('ERR_UPLOAD_LOCKED', { details: { reason } })
}
