import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { S3Access } from '../support/s3-location.ts'

/** A request by hand, for what the SDK would never send. */
export interface RawRequest {
  readonly method: string
  /** `/bucket/key`, percent-encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Sent, but not signed. */
  readonly unsignedHeaders?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** x-amz-content-sha256; the hash of the body if left out. */
  readonly payloadHash?: string
  readonly date?: Date
}

export interface RawAnswer {
  readonly status: number
  readonly code: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A signature, and what chunks of the body are signed with. */
export interface Signing {
  readonly headers: Readonly<Record<string, string>>
  readonly signature: string
  /** Signs what follows the scope in a string to sign. */
  readonly sign: (kind: string, ...lines: readonly string[]) => string
}

/** Signs a request in its headers (AWS Signature Version 4). */
export function signHeaders(access: S3Access, raw: RawRequest): Signing {
  const { host } = new URL(access.endpoint)
  const payloadHash = raw.payloadHash ?? sha256(raw.body ?? '')
  const { date, scope, sign } = signer(access, raw.date)
  const headers: Record<string, string> = {
    host,
    'x-amz-content-sha256': payloadHash,
    'x-amz-date': date,
    ...raw.headers,
  }
  const { canonical, names } = canonicalRequest({ ...raw, headers }, payloadHash)
  const signature = sign('', sha256(canonical))
  const authorization = `AWS4-HMAC-SHA256 Credential=${access.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`
  return { headers: { ...headers, ...raw.unsignedHeaders, authorization }, signature, sign }
}

/** A URL that anybody may use for so long. */
export function presign(access: S3Access, raw: RawRequest, expiresSeconds: number): string {
  const { host } = new URL(access.endpoint)
  const { date, scope, sign } = signer(access, raw.date)
  const query = {
    ...raw.query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${access.accessKeyId}/${scope}`,
    'X-Amz-Date': date,
    'X-Amz-Expires': String(expiresSeconds),
    'X-Amz-SignedHeaders': 'host',
  }
  const { canonical } = canonicalRequest({ ...raw, query, headers: { host } }, 'UNSIGNED-PAYLOAD')
  const signature = sign('', sha256(canonical))
  return `${access.endpoint}${raw.path}?${queryString({ ...query, 'X-Amz-Signature': signature })}`
}

export async function sendRaw(access: S3Access, raw: RawRequest): Promise<RawAnswer> {
  const { headers } = signHeaders(access, raw)
  const search = raw.query === undefined ? '' : `?${queryString(raw.query)}`
  return await exchange(`${access.endpoint}${raw.path}${search}`, raw.method, headers, raw.body)
}

/** Sends as it is and reads the whole answer. With a Transfer-Encoding header the body goes without its length. */
export async function exchange(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>> = {},
  body: Buffer = Buffer.alloc(0),
): Promise<RawAnswer> {
  const length = headers['transfer-encoding'] === undefined ? { 'content-length': body.byteLength } : {}
  const sent = request(url, { method, headers: { ...length, ...headers }, agent: false })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const answered = await buffer(response)
  const code = /<Code>(\w+)<\/Code>/.exec(answered.toString())?.[1] ?? ''
  return { status: response.statusCode ?? 0, code, headers: response.headers, body: answered }
}

function signer(
  { secretAccessKey, region }: S3Access,
  at = new Date(),
): { date: string; scope: string; sign: Signing['sign'] } {
  const date = at.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const day = date.slice(0, 8)
  const scope = `${day}/${region}/s3/aws4_request`
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (derived, part) => createHmac('sha256', derived).update(part).digest(),
    `AWS4${secretAccessKey}`,
  )
  const sign: Signing['sign'] = (kind, ...lines) =>
    createHmac('sha256', key)
      .update([`AWS4-HMAC-SHA256${kind}`, date, scope, ...lines].join('\n'))
      .digest('hex')
  return { date, scope, sign }
}

function canonicalRequest(
  { method, path, query = {}, headers = {} }: RawRequest,
  payloadHash: string,
): { canonical: string; names: string } {
  const sorted = Object.entries(headers).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const names = sorted.map(([name]) => name).join(';')
  const lines = sorted.map(([name, value]) => `${name}:${value}\n`).join('')
  return { canonical: [method, path, queryString(query), lines, names, payloadHash].join('\n'), names }
}

function queryString(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => [encodeURIComponent(name), encodeURIComponent(value)])
    .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))
    .map((pair) => pair.join('='))
    .join('&')
}

export function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex')
}
