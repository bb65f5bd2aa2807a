import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, Exchange, type Headers, NoAnswer } from './http-exchange.ts'
import { type Offer, offers, readOffer } from './offer.ts'
import { type Feature, NotOffered, requireHeader, requireStatus, requireThat } from './outcome.ts'

export interface TestedServerOptions {
  /** Where uploads are created. */
  readonly url: string
  /** Sent with every request to that server: credentials, mostly. */
  readonly headers: Headers
  /** How long any answer may take, and anything that a rule waits for. */
  readonly timeoutMs: number
  /** Upload-Draft-Interop-Version of the IETF rules. */
  readonly interop: number
}

/** What GET of a finished upload is where it is no download. */
const DOWNLOADS_REFUSED = new Set([403, 404, 405, 501])

export const OCTET_STREAM = 'application/offset+octet-stream'

/** A server that is held against the rules; it remembers what it was made to create. */
export class TestedServer {
  readonly url: string
  readonly timeoutMs: number
  readonly interop: number
  readonly offer: Offer
  readonly #headers: Headers
  readonly #created = new Set<string>()
  readonly #exchanges = new Set<Exchange>()

  private constructor({ url, headers, timeoutMs, interop }: TestedServerOptions, offer: Offer) {
    this.url = url
    this.timeoutMs = timeoutMs
    this.interop = interop
    this.offer = offer
    this.#headers = headers
  }

  /** Asks the server what it offers. @throws NoAnswer if it can't be reached, or does not speak tus at that URL */
  static async discover(options: TestedServerOptions): Promise<TestedServer> {
    const nobody = new TestedServer(options, { ...NOTHING })
    // A server may tell of the IETF protocol only those who speak it.
    const interop = { 'Upload-Draft-Interop-Version': String(options.interop) }
    const answer = await nobody.send('OPTIONS', options.url, interop)
    if (answer.header('Tus-Version') === undefined && answer.header('Tus-Resumable') === undefined) {
      throw new NoAnswer(`The answer to OPTIONS (${answer.status}) says nothing of tus`)
    }
    return new TestedServer(options, readOffer(answer))
  }

  offers(feature: Feature): boolean {
    return offers(this.offer, feature)
  }

  /** @throws NotOffered */
  need(...features: readonly Feature[]): void {
    for (const feature of features) {
      if (!this.offers(feature)) throw new NotOffered(feature)
    }
  }

  /** Opens a request; `Tus-Resumable: 1.0.0` is sent unless `headers` says otherwise. */
  open(method: string, url: string, headers: Headers = {}): Exchange {
    // Credentials are for the server that was named, wherever a Location may point.
    const own = new URL(url).origin === new URL(this.url).origin ? this.#headers : {}
    const all = { 'Tus-Resumable': '1.0.0', ...own, ...headers }
    const exchange = new Exchange({ method, url, headers: all, timeoutMs: this.timeoutMs })
    this.#exchanges.add(exchange)
    exchange.answer.then((answer) => this.#remember(url, answer)).catch(() => undefined)
    return exchange
  }

  async send(
    method: string,
    url: string,
    headers: Headers = {},
    body: Buffer | string = '',
  ): Promise<Answer> {
    const bytes = Buffer.from(body)
    const isChunked = headers['Transfer-Encoding'] !== undefined
    const hasLength = bytes.byteLength > 0 || method === 'POST' || method === 'PATCH'
    const length = hasLength && !isChunked ? { 'Content-Length': String(bytes.byteLength) } : {}
    const { answer } = this.open(method, url, { ...length, ...headers }).end(bytes)
    return await answer
  }

  async post(headers: Headers = {}, body?: Buffer | string): Promise<Answer> {
    return await this.send('POST', this.url, headers, body)
  }

  async head(url: string, headers?: Headers): Promise<Answer> {
    return await this.send('HEAD', url, headers)
  }

  async patch(url: string, offset: number, body: Buffer | string, headers: Headers = {}): Promise<Answer> {
    const own = { 'Content-Type': OCTET_STREAM, 'Upload-Offset': String(offset) }
    return await this.send('PATCH', url, { ...own, ...headers }, body)
  }

  async remove(url: string): Promise<Answer> {
    return await this.send('DELETE', url)
  }

  /** Creates an upload, of ten bytes if nothing else is said, and gives its URL. */
  async create(headers: Headers = { 'Upload-Length': '10' }): Promise<string> {
    this.need('creation')
    const answer = await this.post(headers)
    requireStatus(answer, 201)
    return this.locationOf(answer)
  }

  locationOf(answer: Answer): string {
    requireHeader(answer, 'Location', /./, '(any)')
    return new URL(answer.header('Location') ?? '', this.url).href
  }

  /** The offset as HEAD tells it. */
  async offsetOf(url: string): Promise<number> {
    const answer = await this.head(url)
    requireStatus(answer, 200, 204)
    requireHeader(answer, 'Upload-Offset', /^\d+$/, 'a whole number')
    return Number(answer.header('Upload-Offset'))
  }

  async requireOffset(url: string, expected: number): Promise<void> {
    const offset = await this.offsetOf(url)
    requireThat(offset === expected, `HEAD then says ${expected}`, `HEAD says ${offset}`)
  }

  /** Waits until HEAD tells the offset; fails with the last one that it told. */
  async requireOffsetSoon(url: string, expected: number): Promise<void> {
    const deadline = Date.now() + Math.min(this.timeoutMs, 5_000)
    for (;;) {
      const answer = await this.head(url)
      const offset = answer.header('Upload-Offset') ?? `status ${answer.status}`
      if (offset === String(expected)) return
      requireThat(Date.now() < deadline, `HEAD then says ${expected}`, `HEAD says ${offset}`)
      await delay(100)
    }
  }

  /** The finished file, from the upload's URL. @throws NotOffered where GET gives none */
  async contentOf(url: string): Promise<Buffer> {
    const answer = await this.send('GET', url)
    if (DOWNLOADS_REFUSED.has(answer.status)) throw new NotOffered('downloads')
    requireStatus(answer, 200)
    return answer.body
  }

  /** A URL as an upload's, of an upload that there never was. */
  async unknownUrl(): Promise<string> {
    const url = new URL(await this.create())
    const last = url.pathname.lastIndexOf('/') + 1
    const id = url.pathname.slice(last).replaceAll(/[0-9a-f]/g, () => randomInt(16).toString(16))
    url.pathname = url.pathname.slice(0, last) + id
    return url.href
  }

  /** Ends what a rule left open, so that it does not disturb the next one. */
  closeConnections(): void {
    for (const exchange of this.#exchanges) exchange.close()
    this.#exchanges.clear()
  }

  /** Takes away what was created, as far as the server lets it; tells how many uploads are left. */
  async cleanUp(): Promise<number> {
    if (!this.offers('termination')) return this.#created.size
    let left = 0
    for (const url of this.#created) {
      const status = await this.remove(url).then(
        (answer) => answer.status,
        () => 0,
      )
      if (status !== 204 && status !== 200 && status !== 404 && status !== 410) left += 1
    }
    this.#created.clear()
    this.closeConnections()
    return left
  }

  #remember(url: string, answer: Answer): void {
    for (const { status, header } of [answer, ...answer.interim]) {
      const location = header('Location')
      if (location !== undefined && status !== 301 && status !== 302) {
        this.#created.add(new URL(location, url).href)
      }
    }
  }
}

const NOTHING: Offer = {
  versions: [],
  extensions: [],
  algorithms: [],
  maxSizeBytes: undefined,
  uploadLimit: undefined,
}
