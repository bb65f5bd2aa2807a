import { type Answer, RawRequest, sendRequest } from './tus-test-server.ts'

type Headers = Readonly<Record<string, string>>

/** What a client of one interop version sends and expects, as the drafts say it: not taken from the server's table. */
export interface ClientDialect {
  readonly version: number
  readonly drafts: string
  readonly completes: (isLast: boolean) => Headers
  /** What an answer says of completeness. */
  readonly isComplete: (answer: Pick<Answer, 'headers'>) => boolean | undefined
  readonly appendType: Headers
  readonly appendStatus: number
  readonly ageKey: string
}

const PARTIAL_UPLOAD = { 'Content-Type': 'application/partial-upload' }

const BOOLEANS: Readonly<Record<string, boolean>> = { '?0': false, '?1': true }

export const CLIENT_DIALECTS: readonly ClientDialect[] = [
  [3, '-01'],
  [4, '-02'],
  [5, '-03'],
  [6, '-04, -05'],
  [7, '-06 to -08'],
  [8, '-09 to -11'],
  [9, '-12'],
].map(([version, drafts]) => clientDialect(Number(version), String(drafts)))

function clientDialect(version: number, drafts: string): ClientDialect {
  const isInverted = version === 3
  const field = isInverted ? 'Upload-Incomplete' : 'Upload-Complete'
  return {
    version,
    drafts,
    completes: (isLast) => ({ [field]: isLast === isInverted ? '?0' : '?1' }),
    isComplete: ({ headers }) => {
      const value = BOOLEANS[String(headers[field.toLowerCase()])]
      return isInverted && value !== undefined ? !value : value
    },
    appendType: version < 6 ? {} : PARTIAL_UPLOAD,
    appendStatus: version < 7 ? 201 : 204,
    ageKey: version < 7 ? 'expires' : 'max-age',
  }
}

export interface RufhClientOptions {
  readonly port: number
  /** Of the newest draft, if not given. */
  readonly dialect?: ClientDialect
  /** Without Upload-Draft-Interop-Version, as clients of the RFC will be. */
  readonly isUnversioned?: boolean
}

/** A client of the IETF protocol that sends just what a test says. */
export class RufhClient {
  readonly dialect: ClientDialect
  readonly #port: number
  readonly #version: Headers

  constructor({ port, dialect = clientDialect(9, '-12'), isUnversioned = false }: RufhClientOptions) {
    this.#port = port
    this.dialect = dialect
    this.#version = isUnversioned ? {} : { 'Upload-Draft-Interop-Version': String(dialect.version) }
  }

  async send(
    method: string,
    path: string,
    headers: Headers = {},
    body: string | Buffer = '',
  ): Promise<Answer> {
    const request = { port: this.#port, method, path, headers: { ...this.#version, ...headers } }
    return await sendRequest(request, body)
  }

  /** POST; isLast: the body is all of the file. */
  async create(isLast: boolean, body: string | Buffer = '', headers: Headers = {}): Promise<Answer> {
    return await this.send('POST', '/files', { ...this.dialect.completes(isLast), ...headers }, body)
  }

  /** POST of a first piece; the path of the upload. */
  async begin(body: string | Buffer = '', headers: Headers = {}): Promise<string> {
    const answer = await this.create(false, body, headers)
    if (answer.status !== 201) throw new Error(`POST: ${answer.status} ${answer.body}`)
    return pathOf(answer)
  }

  async append(path: string, { at, isLast, body = '', headers = {} }: Append): Promise<Answer> {
    const all = { ...this.appendHeaders(at, isLast), ...headers }
    return await this.send('PATCH', path, all, body)
  }

  async head(path: string): Promise<Answer> {
    return await this.send('HEAD', path)
  }

  /** Where a file stands: its offset, and whether it is complete. */
  async state(path: string): Promise<{ offset: string | undefined; isComplete: boolean | undefined }> {
    const answer = await this.head(path)
    return {
      offset: answer.headers['upload-offset'] as string | undefined,
      isComplete: this.dialect.isComplete(answer),
    }
  }

  appendHeaders(at: number, isLast: boolean): Headers {
    return {
      ...this.dialect.completes(isLast),
      ...this.dialect.appendType,
      'Upload-Offset': String(at),
    }
  }

  /** A bare connection that has sent the head of a request. */
  async raw(method: string, path: string, headers: Headers): Promise<RawRequest> {
    return await RawRequest.openBare({
      port: this.#port,
      method,
      path,
      headers: { ...this.#version, ...headers },
    })
  }
}

export interface Append {
  readonly at: number
  readonly isLast: boolean
  readonly body?: string | Buffer
  readonly headers?: Headers
}

export function pathOf({ headers }: Pick<Answer, 'headers'>): string {
  if (headers.location === undefined) throw new Error('no Location')
  return new URL(headers.location).pathname
}

/** Each response of a connection that has been read to its end, interim ones too: the status and the headers. */
export function responsesIn(received: string): { status: number; headers: Record<string, string> }[] {
  return received
    .split(/(?=HTTP\/1\.1 \d{3})/)
    .filter((text) => text.startsWith('HTTP/1.1'))
    .map((text) => {
      const [statusLine = '', ...lines] = (text.split('\r\n\r\n')[0] ?? '').split('\r\n')
      const pairs = lines.map((line) => line.split(/: (.*)/) as [string, string])
      return {
        status: Number(statusLine.split(' ')[1]),
        headers: Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value])),
      }
    })
}
