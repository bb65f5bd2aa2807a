import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'

type RequestHeaders = Readonly<Record<string, string>>

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** A request whose body is being sent. */
export interface OpenRequest {
  /** Resolves when there is room for more; a connection that broke is no fault of the one who sends. */
  write(bytes: Buffer): Promise<void>
  end(): void
  /** The whole answer. @throws Error if the connection breaks before its end */
  readonly answer: Promise<Answer>
  /** The connection is gone, in the middle. */
  cut(): void
}

/** A client of a proxy; each request has a connection of its own. */
export interface ProxyClient {
  readonly name: string
  open(method: string, path: string, headers: RequestHeaders): Promise<OpenRequest>
  send(method: string, path: string, headers?: RequestHeaders, body?: Buffer): Promise<Answer>
}

export interface ProxyAddress {
  readonly port: number
  /** The certificate to trust. */
  readonly ca: string
}

type Open = (
  address: ProxyAddress,
  method: string,
  path: string,
  headers: RequestHeaders,
) => Promise<OpenRequest>

export const CLIENTS: readonly (readonly [name: string, open: Open])[] = [
  ['HTTP/1.1', openHttp1],
  ['HTTP/2', openHttp2],
]

export function createClient([name, open]: (typeof CLIENTS)[number], address: ProxyAddress): ProxyClient {
  return {
    name,
    open: async (method, path, headers) => await open(address, method, path, headers),
    send: async (method, path, headers = {}, body) => {
      const length = body === undefined ? {} : { 'Content-Length': String(body.byteLength) }
      const request = await open(address, method, path, { ...length, ...headers })
      if (body !== undefined) await request.write(body)
      request.end()
      return await request.answer
    },
  }
}

function openHttp1(
  { port, ca }: ProxyAddress,
  method: string,
  path: string,
  headers: RequestHeaders,
): Promise<OpenRequest> {
  const request = requestHttps({ host: 'localhost', port, ca, method, path, headers, agent: false })
  request.flushHeaders()
  return Promise.resolve(openRequest(request, answerOfHttp1(request), () => request.destroy()))
}

async function answerOfHttp1(request: ClientRequest): Promise<Answer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) }
}

async function openHttp2(
  { port, ca }: ProxyAddress,
  method: string,
  path: string,
  headers: RequestHeaders,
): Promise<OpenRequest> {
  const session = connectHttp2(`https://localhost:${port}`, { ca })
  session.on('error', () => undefined)
  await once(session, 'connect')
  const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH } = constants
  const stream = session.request({ [HTTP2_HEADER_METHOD]: method, [HTTP2_HEADER_PATH]: path, ...headers })
  return openRequest(stream, answerOfHttp2(stream, session), () => session.destroy())
}

async function answerOfHttp2(stream: ClientHttp2Stream, session: ClientHttp2Session): Promise<Answer> {
  try {
    const [{ ':status': status = 0, ...headers }] = (await once(stream, 'response')) as [
      Answer['headers'] & { ':status'?: number },
    ]
    return { status, headers, body: await buffer(stream) }
  } finally {
    session.close()
  }
}

function openRequest(request: Writable, answer: Promise<Answer>, cut: () => void): OpenRequest {
  // Whoever cuts it off does not want the answer, and whoever got one does not mind that the rest could not be sent.
  answer.catch(() => undefined)
  request.on('error', () => undefined)
  return {
    answer,
    cut,
    end: () => void request.end(),
    write: async (bytes) => {
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          request.off('close', settle)
          resolve()
        }
        request.once('close', settle)
        request.write(bytes, settle)
      })
    },
  }
}
