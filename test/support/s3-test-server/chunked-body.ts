import { S3Error } from './s3-error.ts'
import { type Signed, chunkSignature, trailerSignature } from './signature.ts'

export interface ChunkedBody {
  readonly data: Buffer
  readonly trailers: Readonly<Record<string, string>>
}

/**
 * Takes a body out of its `aws-chunked` framing: pieces with their length in front, and headers behind the last one.
 * With `signed`, every piece and the trailers have to carry their signature.
 * @throws S3Error IncompleteBody, SignatureDoesNotMatch
 */
export function decodeChunkedBody(raw: Buffer, signed: Signed | undefined): ChunkedBody {
  const pieces: Buffer[] = []
  let position = 0
  let previous = signed?.signature ?? ''
  for (;;) {
    const { piece, extension, end } = nextChunk(raw, position)
    if (signed) previous = verifyChunk(signed, previous, piece, extension)
    position = end
    if (piece.byteLength === 0) break
    pieces.push(piece)
  }
  const trailers = parseTrailers(raw.toString('latin1', position))
  if (signed && Object.keys(trailers).length > 0) verifyTrailers(signed, previous, trailers)
  return { data: Buffer.concat(pieces), trailers }
}

function nextChunk(raw: Buffer, start: number): { piece: Buffer; extension: string; end: number } {
  const lineEnd = raw.indexOf('\r\n', start)
  const [, size = '', extension = ''] =
    /^([0-9a-f]+)(?:;(.*))?$/i.exec(raw.toString('latin1', start, Math.max(start, lineEnd))) ?? []
  const sizeBytes = Number.parseInt(size, 16)
  const dataEnd = lineEnd + 2 + sizeBytes
  const isWhole = lineEnd !== -1 && dataEnd <= raw.byteLength
  const isClosed = sizeBytes === 0 || raw.toString('latin1', dataEnd, dataEnd + 2) === '\r\n'
  if (size === '' || !isWhole || !isClosed) throw new S3Error('IncompleteBody')
  return {
    piece: raw.subarray(lineEnd + 2, dataEnd),
    extension,
    end: sizeBytes === 0 ? dataEnd : dataEnd + 2,
  }
}

function verifyChunk(signed: Signed, previous: string, piece: Buffer, extension: string): string {
  const expected = chunkSignature(signed, previous, piece)
  if (extension !== `chunk-signature=${expected}`) throw new S3Error('SignatureDoesNotMatch')
  return expected
}

function verifyTrailers(signed: Signed, previous: string, trailers: Record<string, string>): void {
  const { 'x-amz-trailer-signature': signature, ...rest } = trailers
  const lines = Object.entries(rest).map(([name, value]) => `${name}:${value}\n`)
  if (signature !== trailerSignature(signed, previous, lines.join('')))
    throw new S3Error('SignatureDoesNotMatch')
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
