import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request as openRequest } from 'node:http'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { sha256Of } from './content.ts'
import type { Answer, UploadWatch } from './upload-watch.ts'

export interface RawRequest {
  readonly method: string
  readonly url: string
  readonly headers: OutgoingHttpHeaders
  readonly body?: RawBody
}

/** How a body is sent. */
export interface RawBody {
  readonly bytes: Buffer
  /** Sizes of the writes; the last one is repeated. */
  readonly pieceSizes: readonly number[]
  /** The connection is reset when so much has been written. */
  readonly cutAfterBytes?: number
  /** Halfway nothing is sent for so long. */
  readonly pauseMs?: number
  /** Called when half of it has been written. */
  readonly onHalf?: () => void
}

export interface RawAnswer extends Answer {
  readonly sizeBytes: number
  readonly sha256: string
}

/** Longer than any request can take: the deadline of a call to S3 in a lane is five seconds. */
const NO_ANSWER_MS = 30_000

/** Sends a request on a connection of its own; undefined if no whole answer came. Never rejects. */
export async function sendRequest(watch: UploadWatch, asked: RawRequest): Promise<RawAnswer | undefined> {
  const { method, url } = asked
  const declaresLength = asked.headers['Upload-Length'] !== undefined
  const expectation = watch.sending({ method, url, declaresLength })
  const answer = await exchange(watch, asked)
  if (answer !== undefined) watch.answered(expectation, answer)
  return answer
}

async function exchange(watch: UploadWatch, asked: RawRequest): Promise<RawAnswer | undefined> {
  const agent = new Agent({ keepAlive: false })
  const request = openRequest(asked.url, {
    agent,
    method: asked.method,
    headers: { 'Tus-Resumable': '1.0.0', ...asked.headers },
  })
  const answered = new Promise<IncomingMessage | undefined>((resolve) => {
    request.on('response', resolve)
    request.on('error', () => resolve(undefined))
    request.on('close', () => resolve(undefined))
  })
  const timer = setTimeout(() => {
    watch.violated(`${asked.method} got no answer within ${NO_ANSWER_MS} ms`)
    request.destroy()
  }, NO_ANSWER_MS)
  try {
    await Promise.race([sendBody(request, asked.body), answered])
    const response = await answered
    return response && (await readAnswer(response))
  } finally {
    clearTimeout(timer)
    // A refused body may still be on its way.
    request.destroy()
    agent.destroy()
  }
}

type Outgoing = ReturnType<typeof openRequest>

async function sendBody(request: Outgoing, body: RawBody | undefined): Promise<void> {
  if (body === undefined) {
    request.end()
    return
  }
  const { bytes, pieceSizes, cutAfterBytes = Number.POSITIVE_INFINITY } = body
  let sentBytes = 0
  let isPastHalf = false
  for (let piece = 0; sentBytes < bytes.byteLength; piece += 1) {
    const size = pieceSizes[Math.min(piece, pieceSizes.length - 1)] ?? bytes.byteLength
    const end = Math.min(sentBytes + size, bytes.byteLength, cutAfterBytes)
    await write(request, bytes.subarray(sentBytes, end))
    sentBytes = end
    if (sentBytes >= cutAfterBytes) {
      request.socket?.resetAndDestroy()
      return
    }
    if (!isPastHalf && sentBytes * 2 >= bytes.byteLength) {
      isPastHalf = true
      body.onHalf?.()
      await sleep(body.pauseMs ?? 0)
    }
    await nextTurn()
  }
  request.end()
}

/** Resolves too if the connection is gone. */
async function write(request: Outgoing, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve) => request.write(bytes, () => resolve()))
}

async function readAnswer(response: IncomingMessage): Promise<RawAnswer | undefined> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    return {
      status: response.statusCode ?? 0,
      header: (name) => [response.headers[name] ?? []].flat()[0],
      sizeBytes: body.byteLength,
      sha256: sha256Of(body),
    }
  } catch {
    return undefined
  }
}
