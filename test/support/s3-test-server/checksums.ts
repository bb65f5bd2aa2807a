import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { S3Error } from './s3-error.ts'
import { md5 } from './state.ts'

type Headers = Readonly<Record<string, string>>

const DIGESTS: Readonly<Record<string, (data: Buffer) => Buffer>> = {
  'content-md5': md5,
  'x-amz-checksum-crc32': (data) => bigEndian(crc32(data)),
  'x-amz-checksum-crc32c': (data) => bigEndian(crc32c(data)),
  'x-amz-checksum-sha1': (data) => createHash('sha1').update(data).digest(),
  'x-amz-checksum-sha256': (data) => createHash('sha256').update(data).digest(),
}

const OTHER_CHECKSUM = /^x-amz-checksum-(?!algorithm$|type$|mode$)/

/**
 * Checks every digest that a request gives of its body.
 * @throws S3Error InvalidDigest if it is none of that kind, BadDigest if it is of other bytes.
 */
export function verifyDigests(headers: Headers, data: Buffer): void {
  for (const name of Object.keys(headers)) {
    if (OTHER_CHECKSUM.test(name) && !(name in DIGESTS))
      throw new S3Error('NotImplemented', `This test server can't compute ${name}`)
  }
  for (const [name, digest] of Object.entries(DIGESTS)) {
    const claimed = headers[name]
    if (claimed === undefined) continue
    const expected = digest(data)
    if (Buffer.from(claimed, 'base64').byteLength !== expected.byteLength)
      throw new S3Error(name === 'content-md5' ? 'InvalidDigest' : 'InvalidRequest', `${name} is not valid`)
    if (claimed !== expected.toString('base64'))
      throw new S3Error('BadDigest', `The ${name} that you sent is not that of the bytes that arrived`)
  }
}

/** The checksums that S3 keeps with an object or part and gives back (Content-MD5 is not one). */
export function checksumHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name !== 'content-md5' && name in DIGESTS),
  )
}

function bigEndian(sum: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(sum)
  return bytes
}

/** CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), which node:zlib does not have. */
function crc32c(data: Buffer): number {
  let sum = 0xffffffff
  for (const byte of data) sum = (CRC32C_TABLE[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8)
  return (sum ^ 0xffffffff) >>> 0
}

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value >>> 0
})
