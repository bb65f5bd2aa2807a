import { type ClientRequest, type IncomingMessage, request as openHttp } from 'node:http'
import { request as openHttps } from 'node:https'

/** Several values make several lines of one name; undefined leaves out what would be sent otherwise. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

export interface RequestHead {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  /** Without an answer by then there is none. */
  readonly timeoutMs: number
}

interface Interim {
  readonly status: number
  readonly header: (name: string) => string | undefined
}

export interface Answer {
  /** What was asked. */
  readonly method: string
  readonly status: number
  readonly body: Buffer
  /** The 1xx answers before it. */
  readonly interim: readonly Interim[]
  readonly header: (name: string) => string | undefined
}

/** No answer came, or not a whole one. */
export class NoAnswer extends Error {}

/**
 * One request on a connection of its own, which can misbehave in every way that a client's can: stop in its body, go
 * away, wait for 100 Continue.
 */
export class Exchange {
  readonly answer: Promise<Answer>
  readonly #request: ClientRequest
  readonly #interim: Interim[] = []
  #isClosed = false

  constructor({ method, url, headers, timeoutMs }: RequestHead) {
    const open = new URL(url).protocol === 'https:' ? openHttps : openHttp
    this.#request = open(url, { method, agent: false })
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) this.#request.setHeader(name, value)
    }
    this.#request.on('information', ({ statusCode, headers: received }) => {
      this.#interim.push({ status: statusCode, header: (name) => textOf(received[name.toLowerCase()]) })
    })
    this.#request.on('socket', (socket) => socket.once('close', () => (this.#isClosed = true)))
    this.answer = this.#receive(method, timeoutMs)
    // A caller that cuts the connection may not want to know.
    this.answer.catch(() => undefined)
  }

  /** Whether the connection is closed, by either side. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  get interim(): readonly Interim[] {
    return this.#interim
  }

  /** Sends the head alone. */
  flush(): this {
    this.#request.flushHeaders()
    return this
  }

  /** Resolves too if the connection is gone. */
  async write(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve) => this.#request.write(bytes, () => resolve()))
  }

  /** Ends the request; trailers only after a chunked body. */
  end(bytes?: Buffer, trailers: Readonly<Record<string, string>> = {}): this {
    if (bytes !== undefined && bytes.byteLength > 0) this.#request.write(bytes)
    if (Object.keys(trailers).length > 0) this.#request.addTrailers(trailers)
    this.#request.end()
    return this
  }

  /** Resets the connection, if it is still open. */
  reset(): void {
    const { socket } = this.#request
    // Node 20 never gets done with a socket that is reset after it was ended.
    if (socket?.writable === true && socket.readable) socket.resetAndDestroy()
    this.#request.destroy()
  }

  /** Ends the connection, whatever its state. */
  close(): void {
    this.#request.destroy()
  }

  /** Says that no more is sent, in the middle of a body, and goes on listening. */
  halfClose(): void {
    this.#request.socket?.end()
  }

  #receive(method: string, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(new NoAnswer(`${method}: ${why}`))
      const timer = setTimeout(() => {
        fail(`no answer within ${timeoutMs} ms`)
        this.#request.destroy()
      }, timeoutMs)
      this.#request.on('response', (response) => {
        this.#read(response, method)
          .then(resolve, fail)
          .finally(() => clearTimeout(timer))
      })
      this.#request.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer)
        fail(`no answer (${error.code ?? error.message})`)
      })
    })
  }

  async #read(response: IncomingMessage, method: string): Promise<Answer> {
    const { headers, statusCode: status = 0 } = response
    const chunks: Buffer[] = []
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer)
    } catch {
      // Its head has come: that is what rules are about.
    }
    return {
      method,
      status,
      body: Buffer.concat(chunks),
      interim: this.#interim,
      header: (name) => textOf(headers[name.toLowerCase()]),
    }
  }
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' || value === undefined ? value : value.join(', ')
}
