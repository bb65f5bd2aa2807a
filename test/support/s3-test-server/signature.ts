import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Operation } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { decode, encode } from './target.ts'

/** Who may use the server. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

/** What a signature was made with: the chunks of a streamed body are signed with it too. */
export interface Signed {
  readonly signingKey: Buffer
  readonly signature: string
  readonly date: string
  readonly scope: string
}

const MAX_SKEW_MS = 15 * 60_000

const MAX_EXPIRES_SECONDS = 7 * 24 * 3600

const ALGORITHM = 'AWS4-HMAC-SHA256'

type Method = NonNullable<IncomingMessage['method']>

/** Checks the signature of a request (AWS Signature Version 4), in its headers or its query. @throws S3Error */
export function verifySignature(
  method: Method,
  operation: Operation,
  credentials: Credentials,
  nowMs: number,
): Signed {
  const isPresigned = operation.query.has('X-Amz-Signature')
  const claim = isPresigned ? presignedClaim(operation.query, nowMs) : headerClaim(operation, nowMs)
  return verify(method, operation, claim, credentials)
}

interface Claim {
  readonly credential: string
  readonly signedHeaders: string
  readonly signature: string
  readonly date: string
  readonly payloadHash: string
  readonly query: readonly (readonly [string, string])[]
}

function headerClaim({ headers, query }: Operation, nowMs: number): Claim {
  const { authorization, 'x-amz-date': date = '', 'x-amz-content-sha256': payloadHash } = headers
  if (authorization === undefined) throw new S3Error('AccessDenied', 'Access Denied')
  const [, credential = '', signedHeaders = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? []
  if (signature === '') throw new S3Error('AuthorizationHeaderMalformed')
  if (Number.isNaN(timeOf(date)))
    throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
  if (Math.abs(nowMs - timeOf(date)) > MAX_SKEW_MS) throw new S3Error('RequestTimeTooSkewed')
  if (payloadHash === undefined)
    throw new S3Error('InvalidRequest', 'Missing required header: x-amz-content-sha256')
  return { credential, signedHeaders, signature, date, payloadHash, query: [...query] }
}

function presignedClaim(query: URLSearchParams, nowMs: number): Claim {
  const value = (name: string): string => query.get(name) ?? ''
  const date = value('X-Amz-Date')
  const expiresSeconds = Number(value('X-Amz-Expires') || Number.NaN)
  if (value('X-Amz-Algorithm') !== ALGORITHM || Number.isNaN(timeOf(date)))
    throw new S3Error('AuthorizationQueryParametersError')
  if (!(expiresSeconds >= 0 && expiresSeconds <= MAX_EXPIRES_SECONDS))
    throw new S3Error(
      'AuthorizationQueryParametersError',
      'X-Amz-Expires must be between 0 and 604800 seconds',
    )
  if (timeOf(date) > nowMs + MAX_SKEW_MS) throw new S3Error('AccessDenied', 'Request is not yet valid')
  if (nowMs > timeOf(date) + expiresSeconds * 1000) throw new S3Error('AccessDenied', 'Request has expired')
  return {
    credential: value('X-Amz-Credential'),
    signedHeaders: value('X-Amz-SignedHeaders'),
    signature: value('X-Amz-Signature'),
    date,
    payloadHash: query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
    query: [...query].filter(([name]) => name !== 'X-Amz-Signature'),
  }
}

function verify(method: Method, operation: Operation, claim: Claim, credentials: Credentials): Signed {
  const [accessKeyId, day = '', region = '', service = '', end] = claim.credential.split('/')
  if (accessKeyId !== credentials.accessKeyId) throw new S3Error('InvalidAccessKeyId')
  if (
    region !== credentials.region ||
    service !== 's3' ||
    end !== 'aws4_request' ||
    !claim.date.startsWith(day)
  )
    throw new S3Error('AuthorizationHeaderMalformed', `The credential scope is wrong: ${claim.credential}`)
  const scope = [day, region, service, end].join('/')
  const canonical = canonicalRequest(method, operation, claim)
  const signingKey = deriveKey(credentials.secretAccessKey, [day, region, service, end])
  const expected = sign(signingKey, [ALGORITHM, claim.date, scope, sha256(canonical)])
  if (!isEqual(expected, claim.signature)) throw new S3Error('SignatureDoesNotMatch')
  return { signingKey, signature: expected, date: claim.date, scope }
}

function canonicalRequest(
  method: Method,
  { headers, rawPath }: Operation,
  { signedHeaders, payloadHash, query }: Claim,
): string {
  const names = signedHeaders.split(';')
  const mustBeSigned = Object.keys(headers).filter(
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256',
  )
  if (!names.includes('host') || mustBeSigned.some((name) => !names.includes(name)))
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed')
  const lines = names.map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}\n`)
  const path = rawPath
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/')
  return [method, path, canonicalQuery(query), lines.join(''), signedHeaders, payloadHash].join('\n')
}

/** Sorted by name, then value; not by the pairs joined by "=", which sorts behind "-". */
function canonicalQuery(query: Claim['query']): string {
  return query
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map((pair) => pair.join('='))
    .join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The signature of one chunk of a streamed body, which signs the one before it. */
export function chunkSignature({ signingKey, date, scope }: Signed, previous: string, data: Buffer): string {
  return sign(signingKey, [`${ALGORITHM}-PAYLOAD`, date, scope, previous, sha256(''), sha256(data)])
}

/** The signature of the trailers behind the last chunk, given as `name:value\n` lines. */
export function trailerSignature(signed: Signed, previous: string, trailers: string): string {
  return sign(signed.signingKey, [
    `${ALGORITHM}-TRAILER`,
    signed.date,
    signed.scope,
    previous,
    sha256(trailers),
  ])
}

export function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex')
}

function sign(key: Buffer, lines: readonly string[]): string {
  return createHmac('sha256', key).update(lines.join('\n')).digest('hex')
}

function deriveKey(secret: string, scope: readonly string[]): Buffer {
  return scope.reduce(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  )
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}

/** `20261121T051500Z` as a time; NaN if it is none. */
function timeOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}
