const CRLF_BYTES = 2

/** The payload of an `aws-chunked` body (both the signed and the trailer kind): `size-in-hex[;extension]\r\ndata\r\n` … */
export function decodeAwsChunked(encoded: Buffer): Buffer {
  const pieces: Buffer[] = []
  let position = 0
  for (;;) {
    const lineEnd = encoded.indexOf('\r\n', position)
    if (lineEnd === -1) throw new Error('An aws-chunked body without its last chunk')
    const sizeBytes = Number.parseInt(encoded.toString('latin1', position, lineEnd), 16)
    if (!Number.isSafeInteger(sizeBytes)) throw new Error('An aws-chunked body without a chunk size')
    if (sizeBytes === 0) return Buffer.concat(pieces)
    const start = lineEnd + CRLF_BYTES
    pieces.push(encoded.subarray(start, start + sizeBytes))
    position = start + sizeBytes + CRLF_BYTES
  }
}
