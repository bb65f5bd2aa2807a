import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Transform, type TransformCallback } from 'node:stream'

/** An HTTP proxy on this machine that is not to be trusted: it changes bytes that pass through it. */
export interface FlipProxy {
  readonly url: string
  /** How many requests went on with another body than they came with. */
  flipped(): number
  close(): Promise<void>
}

export interface FlipOptions {
  /** Where requests go, as http://host:port. */
  readonly target: string
  /** Whose bodies are changed. */
  readonly matches: (request: IncomingMessage) => boolean
  /** How many of them: one if left out. */
  readonly times?: number
}

export async function startFlipProxy({ target, matches, times = 1 }: FlipOptions): Promise<FlipProxy> {
  const { hostname, port } = new URL(target)
  let flips = 0

  const proxy = createServer((incoming, response) => {
    const isFlipped = flips < times && matches(incoming)
    if (isFlipped) flips += 1
    forward(incoming, response, { hostname, port, isFlipped })
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    flipped: () => flips,
    close: async () => {
      proxy.close()
      proxy.closeAllConnections()
      await once(proxy, 'close')
    },
  }
}

function forward(
  incoming: IncomingMessage,
  response: ServerResponse,
  to: { readonly hostname: string; readonly port: string; readonly isFlipped: boolean },
): void {
  const { method, url: path, headers } = incoming
  // The headers as they came, Host included: the signature is over them.
  const outgoing = request({ hostname: to.hostname, port: to.port, method, path, headers, agent: false })
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  outgoing.on('error', () => response.destroy())
  response.on('close', () => outgoing.destroy())
  if (to.isFlipped) incoming.pipe(new FlipOneBit()).pipe(outgoing)
  else incoming.pipe(outgoing)
}

/** Changes the last bit of the first byte: as few as there can be, and the length stays. */
class FlipOneBit extends Transform {
  #isDone = false

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#isDone || chunk.byteLength === 0) return done(null, chunk)
    this.#isDone = true
    const changed = Buffer.from(chunk)
    changed.writeUInt8(changed.readUInt8(0) ^ 1, 0)
    done(null, changed)
  }
}
