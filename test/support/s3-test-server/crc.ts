/**
 * CRCs that node:zlib does not have. Not those of the SDK, though it has them: the server would then agree with a
 * client that computes with the same mistake.
 */

/** CRC-32C (Castagnoli, reflected polynomial 0x82F63B78). */
export function crc32c(data: Buffer): Buffer {
  let sum = 0xffffffff
  for (const byte of data) sum = (CRC32C_TABLE[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8)
  return bigEndian(~sum)
}

/** CRC-64/NVME (reflected polynomial 0x9A6C9329AC4BC9B5), in two halves: a bigint for each byte would take minutes. */
export function crc64nvme(data: Buffer): Buffer {
  let high = ~0
  let low = ~0
  for (const byte of data) {
    const index = (low ^ byte) & 0xff
    low = ((low >>> 8) | (high << 24)) ^ (CRC64_LOW[index] ?? 0)
    high = (high >>> 8) ^ (CRC64_HIGH[index] ?? 0)
  }
  return bigEndian(~high, ~low)
}

export function bigEndian(...words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * words.length)
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word >>> 0, 4 * index)
  return bytes
}

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => Number(reduce(index, 0x82f63b78n)))
const CRC64_TABLE = Array.from({ length: 256 }, (_, index) => reduce(index, 0x9a6c9329ac4bc9b5n))
const CRC64_HIGH = Uint32Array.from(CRC64_TABLE, (value) => Number(value >> 32n))
const CRC64_LOW = Uint32Array.from(CRC64_TABLE, (value) => Number(value & 0xffffffffn))

/** What a byte does to a reflected CRC. */
function reduce(byte: number, polynomial: bigint): bigint {
  let value = BigInt(byte)
  for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n
  return value
}
