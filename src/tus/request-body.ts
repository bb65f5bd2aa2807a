import type { IncomingMessage } from 'node:http'
import type { UploadBody } from '../core/upload-store.ts'

/**
 * Why a body ended: it was all there; it had more than was allowed (the surplus is not passed on); the connection
 * broke; nothing came for too long; another request wants the upload; the server is shutting down.
 */
export type BodyOutcome = 'ended' | 'too-long' | 'disconnected' | 'idle' | 'taken-over' | 'shutdown'

export interface RequestBodyOptions {
  readonly idleTimeoutMs: number
  /** Called once, when the first bytes are wanted: a client may be waiting to hear that. */
  readonly onWanted?: () => void
}

/**
 * The body of a request as a store wants it: it never fails, it just ends, so that everything that arrived is stored
 * (C-23); `outcome` then says why. It reads from the socket only when asked, and never destroys the request, whose
 * answer is still to be sent.
 */
export class RequestBody implements UploadBody {
  readonly #request: IncomingMessage
  readonly #idleTimeoutMs: number
  readonly #onWanted: () => void
  #limitBytes = Number.POSITIVE_INFINITY
  #outcome: BodyOutcome | undefined
  /** Why it is to end, once what has arrived is passed on. */
  #stopReason: 'taken-over' | 'shutdown' | undefined
  #wake: () => void = () => undefined

  constructor(request: IncomingMessage, { idleTimeoutMs, onWanted = () => undefined }: RequestBodyOptions) {
    this.#request = request
    this.#idleTimeoutMs = idleTimeoutMs
    this.#onWanted = onWanted
    // Without a listener a broken connection would be an uncaught error; that it broke shows in the request's state.
    request.on('error', () => undefined)
  }

  get outcome(): BodyOutcome {
    return this.#outcome ?? 'ended'
  }

  /** Passes on no more than this; if there is more, the outcome is `too-long`. */
  limit(bytes: number): this {
    this.#limitBytes = bytes
    return this
  }

  /** Ends the body where it is: what has arrived by now is still passed on. */
  stop(reason: 'taken-over' | 'shutdown'): void {
    this.#stopReason ??= reason
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    let roomBytes = this.#limitBytes
    this.#onWanted()
    while (this.#outcome === undefined) {
      const chunk = this.#read()
      if (chunk === undefined) {
        await this.#somethingHappens()
        continue
      }
      const taken = chunk.subarray(0, roomBytes)
      roomBytes -= taken.byteLength
      if (taken.byteLength < chunk.byteLength) this.#end('too-long')
      if (taken.byteLength > 0) yield taken
    }
  }

  /** What has arrived, if anything; sets the outcome at the end. */
  #read(): Buffer | undefined {
    const chunk: unknown = this.#request.read()
    if (!Buffer.isBuffer(chunk)) this.#end(this.#findOutcome())
    // read() gave all there was. A client that keeps sending would never let the body come to an end.
    else if (this.#stopReason !== undefined && !this.#request.complete) this.#end(this.#stopReason)
    return Buffer.isBuffer(chunk) ? chunk : undefined
  }

  #findOutcome(): BodyOutcome | undefined {
    if (this.#request.readableEnded) return 'ended'
    if (this.#request.destroyed) return this.#request.complete ? 'ended' : 'disconnected'
    return this.#request.complete ? undefined : this.#stopReason
  }

  #end(outcome: BodyOutcome | undefined): void {
    this.#outcome ??= outcome
    this.#wake()
  }

  /** Waits for bytes, the end, a broken connection, `stop`, or the idle timeout: which it was shows in the state. */
  async #somethingHappens(): Promise<void> {
    if (this.#outcome !== undefined) return
    const events = ['readable', 'end', 'close', 'error'] as const
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#end('idle'), this.#idleTimeoutMs)
      this.#wake = () => {
        clearTimeout(timer)
        for (const event of events) this.#request.off(event, this.#wake)
        this.#wake = () => undefined
        resolve()
      }
      for (const event of events) this.#request.on(event, this.#wake)
    })
  }
}
