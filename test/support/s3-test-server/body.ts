import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyDigests } from './checksums.ts'
import { decodeChunkedBody } from './chunked-body.ts'
import { S3Error } from './s3-error.ts'
import { type Signed, sha256 } from './signature.ts'

type Headers = Readonly<Record<string, string>>

/** A body as it arrived. */
export interface ReceivedBody {
  readonly raw: Buffer
  /** False if the connection broke before its end: nothing may be stored then. */
  readonly isWhole: boolean
}

/** Reads a request's body, no faster than `bytesPerSecond`. Never rejects. */
export async function readBody(
  request: IncomingMessage,
  bytesPerSecond = Number.POSITIVE_INFINITY,
): Promise<ReceivedBody> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer)
      if (bytesPerSecond < Number.POSITIVE_INFINITY)
        await sleep(((chunk as Buffer).byteLength / bytesPerSecond) * 1000)
    }
  } catch {
    return { raw: Buffer.concat(chunks), isWhole: false }
  }
  return { raw: Buffer.concat(chunks), isWhole: request.complete }
}

/** A body that is what its headers said, and what came behind it. */
export interface VerifiedBody {
  readonly data: Buffer
  readonly trailers: Headers
}

const STREAMING_KINDS = new Set([
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
])

/** Takes a body out of its framing and checks everything that the request says of it. @throws S3Error */
export function verifyBody(headers: Headers, raw: Buffer, signed: Signed): VerifiedBody {
  const payloadHash = headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD'
  if (STREAMING_KINDS.has(payloadHash)) return verifyStreamed(headers, raw, payloadHash, signed)
  if (payloadHash !== 'UNSIGNED-PAYLOAD') requireHash(payloadHash, raw)
  verifyDigests(headers, raw)
  return { data: raw, trailers: {} }
}

function requireHash(payloadHash: string, raw: Buffer): void {
  if (!/^[0-9a-f]{64}$/.test(payloadHash))
    throw new S3Error('InvalidArgument', `x-amz-content-sha256 must not be ${payloadHash}`)
  if (payloadHash !== sha256(raw)) throw new S3Error('XAmzContentSHA256Mismatch')
}

function verifyStreamed(headers: Headers, raw: Buffer, kind: string, signed: Signed): VerifiedBody {
  const declared = headers['x-amz-decoded-content-length']
  if (declared === undefined) throw new S3Error('MissingContentLength')
  const body = decodeChunkedBody(raw, kind.startsWith('STREAMING-AWS4') ? signed : undefined)
  if (Number(declared) !== body.data.byteLength) throw new S3Error('IncompleteBody')
  const announced = (headers['x-amz-trailer'] ?? '').split(',').filter((name) => name !== '')
  if (announced.some((name) => body.trailers[name.trim().toLowerCase()] === undefined))
    throw new S3Error('MalformedTrailerError')
  verifyDigests({ ...headers, ...body.trailers }, body.data)
  return body
}
