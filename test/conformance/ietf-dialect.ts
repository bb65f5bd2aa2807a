import type { Answer, Exchange, Headers } from './http-exchange.ts'
import { requireHeader, requireSuccess } from './outcome.ts'
import type { TestedServer } from './tested-server.ts'

/** What an interop version of draft-ietf-httpbis-resumable-upload says differently. */
interface Dialect {
  /** How a request or answer says that the upload is complete, or not. */
  readonly completeHeader: 'Upload-Complete' | 'Upload-Incomplete'
  readonly partialType: string | undefined
  readonly hasLimits: boolean
  /** The answers to appends must say whether the upload is complete. */
  readonly appendsAreMarked: boolean
}

function dialectOf(interop: number): Dialect {
  return {
    completeHeader: interop === 3 ? 'Upload-Incomplete' : 'Upload-Complete',
    partialType: interop >= 6 ? 'application/partial-upload' : undefined,
    hasLimits: interop >= 6,
    appendsAreMarked: interop >= 7,
  }
}

export interface IetfRequest {
  readonly body?: Buffer | string
  /** Whether the upload ends with this request. */
  readonly complete: boolean
  readonly headers?: Headers
}

/** The client of the IETF protocol: no header of tus is in what it sends. */
export class IetfClient {
  readonly server: TestedServer
  readonly dialect: Dialect

  /** @throws NotOffered */
  constructor(server: TestedServer) {
    server.need('ietf')
    this.server = server
    this.dialect = dialectOf(server.interop)
  }

  async create({ body = '', complete, headers = {} }: IetfRequest): Promise<Answer> {
    const all = { ...this.headers(complete), ...headers }
    return await this.server.send('POST', this.server.url, all, body)
  }

  /** An upload that is begun and empty; its URL. */
  async begin(headers: Headers = {}): Promise<string> {
    const answer = await this.create({ complete: false, headers })
    requireSuccess(answer)
    return this.server.locationOf(answer)
  }

  async append(
    url: string,
    offset: number,
    { body = '', complete, headers = {} }: IetfRequest,
  ): Promise<Answer> {
    const all = { ...this.appendHeaders(offset, complete), ...headers }
    return await this.server.send('PATCH', url, all, body)
  }

  /** An append that is left to the caller to send. */
  open(url: string, offset: number, headers: Headers): Exchange {
    return this.server.open('PATCH', url, { ...this.appendHeaders(offset, true), ...headers })
  }

  async head(url: string): Promise<Answer> {
    return await this.server.send('HEAD', url, this.headers())
  }

  async requireOffset(url: string, offset: number): Promise<void> {
    const answer = await this.head(url)
    requireSuccess(answer)
    requireHeader(answer, 'Upload-Offset', String(offset))
  }

  headers(complete?: boolean): Headers {
    const interop = {
      'Tus-Resumable': undefined,
      'Upload-Draft-Interop-Version': String(this.server.interop),
    }
    return complete === undefined
      ? interop
      : { ...interop, [this.dialect.completeHeader]: this.#mark(complete) }
  }

  requireMark(answer: Answer, complete: boolean): void {
    requireHeader(answer, this.dialect.completeHeader, this.#mark(complete))
  }

  appendHeaders(offset: number, complete: boolean): Headers {
    const type = this.dialect.partialType
    return { ...this.headers(complete), 'Upload-Offset': String(offset), 'Content-Type': type }
  }

  #mark(complete: boolean): string {
    const value = this.dialect.completeHeader === 'Upload-Complete' ? complete : !complete
    return value ? '?1' : '?0'
  }
}

/** A Structured Fields dictionary of integers, such as `max-size=1000, max-age=60`. */
const LIMITS = /^[a-z*][a-z0-9_.*-]*=-?\d{1,15}(?:\s*,\s*[a-z*][a-z0-9_.*-]*=-?\d{1,15})*$/

/** @throws NotOffered where the dialect has no limits; Unmet if they are missing or no dictionary */
export function readLimits({ dialect, server }: IetfClient, answer: Answer): ReadonlyMap<string, number> {
  if (!dialect.hasLimits) server.need('ietf limits')
  requireHeader(answer, 'Upload-Limit', LIMITS, 'limits such as max-size=1000')
  const pairs = (answer.header('Upload-Limit') ?? '').split(',').map((pair) => pair.trim().split('='))
  return new Map(pairs.map(([key = '', value]) => [key, Number(value)]))
}
