import { randomBytes } from 'node:crypto'
import { Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http'

/** Random, so that no server or kernel gains from zeros; made once, so that the client costs next to nothing. */
const BLOCK = randomBytes(1024 ** 2)

const OFFSET_STREAM = 'application/offset+octet-stream'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/** A tus client that checks every answer and does nothing that costs: what it uses is taken from the servers. */
export class LoadClient {
  readonly #filesUrl: string
  readonly #agent = new Agent({ keepAlive: true })

  constructor(filesUrl: string) {
    this.#filesUrl = filesUrl
  }

  /** The URL of a new upload. */
  async create(lengthBytes: number): Promise<string> {
    const answer = await this.#exchange('POST', this.#filesUrl, { 'upload-length': lengthBytes }, 0)
    expectStatus(answer, 201, 'POST')
    return new URL(answer.headers.location ?? '', this.#filesUrl).href
  }

  /** A whole upload in one request. */
  async createWithUpload(lengthBytes: number, timeoutMs?: number): Promise<void> {
    const headers = { 'upload-length': lengthBytes, 'content-type': OFFSET_STREAM }
    const answer = await this.#exchange('POST', this.#filesUrl, headers, lengthBytes, timeoutMs)
    expectStatus(answer, 201, 'POST with a body')
    expectOffset(answer, lengthBytes)
  }

  async patch(uploadUrl: string, offsetBytes: number, sizeBytes: number): Promise<void> {
    const headers = { 'upload-offset': offsetBytes, 'content-type': OFFSET_STREAM }
    const answer = await this.#exchange('PATCH', uploadUrl, headers, sizeBytes)
    expectStatus(answer, 204, 'PATCH')
    expectOffset(answer, offsetBytes + sizeBytes)
  }

  async head(uploadUrl: string): Promise<number> {
    const answer = await this.#exchange('HEAD', uploadUrl, {}, 0)
    expectStatus(answer, 200, 'HEAD')
    return Number(answer.headers['upload-offset'])
  }

  /** A PATCH whose body the caller writes, as slowly as it likes, and breaks off. */
  openPatch(uploadUrl: string, sizeBytes: number): ClientRequest {
    const opened = request(uploadUrl, {
      method: 'PATCH',
      // Each on a connection of its own, that no other request waits for.
      agent: false,
      headers: {
        'tus-resumable': '1.0.0',
        'upload-offset': 0,
        'content-type': OFFSET_STREAM,
        'content-length': sizeBytes,
      },
    })
    opened.on('error', () => undefined)
    return opened
  }

  close(): void {
    this.#agent.destroy()
  }

  #exchange(
    method: string,
    url: string,
    headers: Readonly<Record<string, string | number>>,
    bodyBytes: number,
    timeoutMs?: number,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(url, {
        method,
        agent: this.#agent,
        headers: { 'tus-resumable': '1.0.0', 'content-length': bodyBytes, ...headers },
        ...(timeoutMs !== undefined && { signal: AbortSignal.timeout(timeoutMs) }),
      })
      sent.on('error', reject)
      sent.on('response', (response) => {
        response.resume()
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }))
      })
      sendBody(sent, bodyBytes)
    })
  }
}

export function sendBlock(sent: ClientRequest, sizeBytes: number): boolean {
  return sent.write(sizeBytes < BLOCK.byteLength ? BLOCK.subarray(0, sizeBytes) : BLOCK)
}

function sendBody(sent: ClientRequest, bodyBytes: number): void {
  let leftBytes = bodyBytes
  const sendMore = (): void => {
    while (leftBytes > 0) {
      const sizeBytes = Math.min(leftBytes, BLOCK.byteLength)
      leftBytes -= sizeBytes
      if (!sendBlock(sent, sizeBytes)) {
        sent.once('drain', sendMore)
        return
      }
    }
    sent.end()
  }
  sendMore()
}

function expectStatus({ status }: Answer, expected: number, what: string): void {
  if (status !== expected) throw new Error(`${what} was answered ${status}, not ${expected}`)
}

function expectOffset({ headers }: Answer, expectedBytes: number): void {
  const offset = String(headers['upload-offset'])
  if (offset !== String(expectedBytes)) throw new Error(`Upload-Offset is ${offset}, not ${expectedBytes}`)
}
