import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { S3Error } from './s3-error.ts'

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

const ALGORITHM = 'AWS4-HMAC-SHA256'

/** Checks the signature of a request (AWS Signature Version 4), in its headers or its query. @throws S3Error */
export function verifySignature(request: IncomingMessage, credentials: Credentials): Signed {
  const url = new URL(request.url ?? '/', 'http://s3')
  return url.searchParams.has('X-Amz-Signature')
    ? verifyPresigned(request, url, credentials)
    : verifyHeader(request, url, credentials)
}

interface Claim {
  readonly credential: string
  readonly signedHeaders: string
  readonly signature: string
  readonly date: string
  readonly payloadHash: string
  readonly query: readonly (readonly [string, string])[]
}

function verifyHeader(request: IncomingMessage, url: URL, credentials: Credentials): Signed {
  const authorization = request.headers.authorization
  if (authorization === undefined) throw new S3Error('AccessDenied')
  const [, credential = '', signedHeaders = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? []
  if (signature === '') throw new S3Error('AuthorizationHeaderMalformed')
  const date = headerOf(request, 'x-amz-date')
  if (Math.abs(Date.now() - timeOf(date)) > MAX_SKEW_MS) throw new S3Error('RequestTimeTooSkewed')
  const payloadHash = headerOf(request, 'x-amz-content-sha256')
  if (payloadHash === '') throw new S3Error('InvalidRequest', 'x-amz-content-sha256 is missing')
  return verify(
    request,
    url,
    { credential, signedHeaders, signature, date, payloadHash, query: [...url.searchParams] },
    credentials,
  )
}

function verifyPresigned(request: IncomingMessage, url: URL, credentials: Credentials): Signed {
  const value = (name: string): string => url.searchParams.get(name) ?? ''
  const date = value('X-Amz-Date')
  if (Date.now() > timeOf(date) + Number(value('X-Amz-Expires')) * 1000)
    throw new S3Error('AccessDenied', 'Request has expired')
  const claim = {
    credential: value('X-Amz-Credential'),
    signedHeaders: value('X-Amz-SignedHeaders'),
    signature: value('X-Amz-Signature'),
    date,
    payloadHash: url.searchParams.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
    query: [...url.searchParams].filter(([name]) => name !== 'X-Amz-Signature'),
  }
  return verify(request, url, claim, credentials)
}

function verify(request: IncomingMessage, url: URL, claim: Claim, credentials: Credentials): Signed {
  const [accessKeyId, day = '', region = '', service = '', end] = claim.credential.split('/')
  if (accessKeyId !== credentials.accessKeyId) throw new S3Error('InvalidAccessKeyId')
  if (region !== credentials.region || service !== 's3' || end !== 'aws4_request')
    throw new S3Error('AuthorizationHeaderMalformed')
  const scope = [day, region, service, end].join('/')
  const canonical = canonicalRequest(request, url, claim)
  const signingKey = deriveKey(credentials.secretAccessKey, [day, region, service, 'aws4_request'])
  const expected = sign(signingKey, [ALGORITHM, claim.date, scope, sha256(canonical)])
  if (!isEqual(expected, claim.signature)) throw new S3Error('SignatureDoesNotMatch')
  return { signingKey, signature: expected, date: claim.date, scope }
}

function canonicalRequest(
  request: IncomingMessage,
  url: URL,
  { signedHeaders, payloadHash, query }: Claim,
): string {
  const names = signedHeaders.split(';')
  const mustBeSigned = Object.keys(request.headers).filter(
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256',
  )
  if (!names.includes('host') || mustBeSigned.some((name) => !names.includes(name))) {
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed')
  }
  const headers = names
    .map((name) => `${name}:${headerOf(request, name).trim().replaceAll(/ +/g, ' ')}\n`)
    .join('')
  const path = url.pathname
    .split('/')
    .map((segment) => encode(decodeURIComponent(segment)))
    .join('/')
  const sorted = query.map(([name, value]) => `${encode(name)}=${encode(value)}`).toSorted()
  return [request.method, path, sorted.join('&'), headers, signedHeaders, payloadHash].join('\n')
}

/** The signature of one chunk of a streamed body, which signs the one before it. */
export function chunkSignature({ signingKey, date, scope }: Signed, previous: string, data: Buffer): string {
  return sign(signingKey, [`${ALGORITHM}-PAYLOAD`, date, scope, previous, sha256(''), sha256(data)])
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

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}

function headerOf({ headers }: IncomingMessage, name: string): string {
  return [headers[name] ?? ''].flat().join(',')
}

/** `20261121T051500Z` as a time. */
function timeOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}
