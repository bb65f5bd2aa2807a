import { crc32 } from 'node:zlib'

/** A CRC-32 in the making; its digest is four bytes, the highest first, as S3 and most others write it. */
export class Crc32 {
  #value = 0

  update(bytes: Uint8Array): void {
    this.#value = crc32(bytes, this.#value)
  }

  digest(): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(this.#value)
    return bytes
  }
}
