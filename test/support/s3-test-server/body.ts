import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { crc32 } from 'node:zlib'
import { S3Error } from './s3-error.ts'
import { type Signed, chunkSignature, sha256 } from './signature.ts'
import { md5 } from './state.ts'

/** Reads a request's whole body; undefined if the connection broke before its end: nothing may be stored then. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    return undefined
  }
  return request.complete ? Buffer.concat(chunks) : undefined
}

/** Takes a body out of its framing and checks everything that the request says of it. @throws S3Error */
export function decodeBody(headers: Readonly<Record<string, string>>, raw: Buffer, signed: Signed): Buffer {
  const payloadHash = headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD'
  if (!payloadHash.startsWith('STREAMING-')) {
    if (payloadHash !== 'UNSIGNED-PAYLOAD' && payloadHash !== sha256(raw))
      throw new S3Error('XAmzContentSHA256Mismatch')
    verifyDigests(headers, raw)
    return raw
  }
  const { data, trailers } = decodeChunks(raw, payloadHash.startsWith('STREAMING-AWS4') ? signed : undefined)
  const declared = headers['x-amz-decoded-content-length']
  if (declared === undefined) throw new S3Error('MissingContentLength')
  if (Number(declared) !== data.byteLength) throw new S3Error('IncompleteBody')
  verifyDigests({ ...headers, ...trailers }, data)
  return data
}

/** `aws-chunked`: pieces with their length in front, and headers after the last one. */
function decodeChunks(
  raw: Buffer,
  signed: Signed | undefined,
): { data: Buffer; trailers: Record<string, string> } {
  const pieces: Buffer[] = []
  let position = 0
  let previous = signed?.signature ?? ''
  for (;;) {
    const lineEnd = raw.indexOf('\r\n', position)
    if (lineEnd === -1) throw new S3Error('IncompleteBody')
    const [size = '', ...extensions] = raw.toString('latin1', position, lineEnd).split(';')
    const length = Number.parseInt(size, 16)
    const piece = raw.subarray(lineEnd + 2, lineEnd + 2 + length)
    if (signed) previous = verifyChunk(signed, previous, piece, extensions.join(';'))
    position = lineEnd + 2 + length
    if (length === 0)
      return { data: Buffer.concat(pieces), trailers: parseTrailers(raw.toString('latin1', position)) }
    pieces.push(piece)
    position += 2
  }
}

function verifyChunk(signed: Signed, previous: string, piece: Buffer, extension: string): string {
  const expected = chunkSignature(signed, previous, piece)
  if (extension !== `chunk-signature=${expected}`) throw new S3Error('SignatureDoesNotMatch')
  return expected
}

function parseTrailers(text: string): Record<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':'))
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).trim().toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
}

const DIGESTS: Readonly<Record<string, (data: Buffer) => Buffer>> = {
  'content-md5': md5,
  'x-amz-checksum-crc32': (data) => {
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(data))
    return sum
  },
  'x-amz-checksum-sha1': (data) => createHash('sha1').update(data).digest(),
  'x-amz-checksum-sha256': (data) => createHash('sha256').update(data).digest(),
}

function verifyDigests(headers: Readonly<Record<string, string>>, data: Buffer): void {
  for (const [name, digest] of Object.entries(DIGESTS)) {
    const claimed = headers[name]
    if (claimed === undefined) continue
    const expected = digest(data)
    if (Buffer.from(claimed, 'base64').byteLength !== expected.byteLength) throw new S3Error('InvalidDigest')
    if (claimed !== expected.toString('base64')) throw new S3Error('BadDigest')
  }
}
