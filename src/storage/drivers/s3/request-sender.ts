import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { S3Client } from '@aws-sdk/client-s3'
import type { Payload } from '../../buffers/payload.ts'
import type { S3Agents } from './client.ts'
import { S3AnswerError, isTransient } from './errors.ts'
import type { S3Options } from './options.ts'
import { type Query, RequestSigner } from './request-signer.ts'
import { withRetries } from './retry.ts'

/** A page of 1,000 parts with checksums is less than half of that. */
const MAX_ANSWER_BYTES = 1024 ** 2

export interface S3Request {
  readonly method: 'GET' | 'PUT'
  /** In the bucket. */
  readonly key: string
  readonly query?: Query
  readonly headers?: Readonly<Record<string, string>>
  readonly payload?: Payload
}

export interface S3Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/**
 * Sends what the SDK is too slow for: PutObject and UploadPart, through which all the bytes go, and long listings. Its
 * middleware costs more CPU than the sending, wants one Buffer (a copy of the part) and hashes it once more; so only its
 * endpoint rules, credentials and signer are used (docs/performance.md).
 */
export class RequestSender {
  readonly #signer: RequestSigner
  readonly #agents: S3Agents
  readonly #options: S3Options

  constructor(client: S3Client, agents: S3Agents, options: S3Options) {
    this.#signer = new RequestSigner(client, options)
    this.#agents = agents
    this.#options = options
  }

  /** @throws S3AnswerError if S3 refuses; whatever the connection failed with */
  async send(request: S3Request, signal: AbortSignal): Promise<S3Answer> {
    return await withRetries(async () => await this.#attempt(request, signal), {
      signal,
      isWorthRetrying: (error) => isTransient(error),
    })
  }

  async #attempt(unsigned: S3Request, signal: AbortSignal): Promise<S3Answer> {
    const { method, key, query = {}, payload } = unsigned
    const length = payload && { 'content-length': String(payload.sizeBytes) }
    const headers = { ...unsigned.headers, ...length }
    const signed = await this.#signer.sign({ method, key, query, headers })
    const isHttps = signed.url.protocol === 'https:'
    const request = (isHttps ? httpsRequest : httpRequest)(signed.url, {
      method,
      path: signed.path,
      headers: signed.headers,
      agent: isHttps ? this.#agents.https : this.#agents.http,
      signal,
    })
    limitSilence(request, this.#options)
    const answer = await exchange(request, payload)
    if (answer.status >= 200 && answer.status < 300) return answer
    const error = new S3AnswerError(answer.status, answer.body)
    if (error.name === 'RequestTimeTooSkewed') this.#signer.adjustClock(answer.headers['date'])
    throw error
  }
}

/** Ends a request whose connection is not made in time, or falls silent. */
function limitSilence(
  request: ClientRequest,
  { connectionTimeoutMs, socketTimeoutMs }: Pick<S3Options, 'connectionTimeoutMs' | 'socketTimeoutMs'>,
): void {
  request.setTimeout(socketTimeoutMs, () => request.destroy(timeoutError('No answer', socketTimeoutMs)))
  request.once('socket', (socket) => {
    if (!socket.connecting) return
    const giveUp = (): void => void request.destroy(timeoutError('No connection', connectionTimeoutMs))
    const timer = setTimeout(giveUp, connectionTimeoutMs)
    socket.once('connect', () => clearTimeout(timer)).once('close', () => clearTimeout(timer))
  })
}

function timeoutError(what: string, ms: number): Error {
  return Object.assign(new Error(`${what} within ${ms} ms`), { name: 'TimeoutError' })
}

/** Sends the payload and reads the answer, which may come before the payload is sent. */
async function exchange(request: ClientRequest, payload: Payload | undefined): Promise<S3Answer> {
  // Also after the answer has come: an error without a listener would end the process.
  request.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => request.once('close', resolve))
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  try {
    // Nobody waits for the sending alone: an early answer must not leave it hanging.
    if (payload === undefined) request.end()
    else void sendPayload(request, payload).catch((error: Error) => request.destroy(error))
    const [response] = await answered
    const body = await readBody(response)
    // An answer to a request that was not sent whole: the connection is of no use any more.
    if (!request.writableFinished) request.destroy()
    return { status: response.statusCode ?? 0, headers: response.headers, body }
  } finally {
    // The caller frees the payload's memory: no byte of it may be on its way any more.
    await closed
  }
}

async function sendPayload(request: ClientRequest, payload: Payload): Promise<void> {
  const chunks = payload.chunks()
  if (Symbol.iterator in chunks) {
    // They are in memory already: given to the socket at once, they leave in one system call.
    request.cork()
    for (const chunk of chunks) request.write(chunk)
  } else {
    for await (const chunk of chunks) await writeOut(request, chunk)
  }
  request.end()
}

/** Returns when the bytes have left: their memory is used for the next ones. */
async function writeOut(request: ClientRequest, chunk: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    request.write(chunk, (error) => (error ? reject(error) : resolve()))
  })
}

async function readBody(response: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of response) {
    body += String(chunk)
    if (body.length > MAX_ANSWER_BYTES) throw new Error('The answer is too long')
  }
  return body
}
