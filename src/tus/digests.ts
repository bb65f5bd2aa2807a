import { type Hash, createHash } from 'node:crypto'
import { Crc32 } from '../storage/crc32.ts'

/** A digest in the making. */
export interface Digest {
  update(bytes: Uint8Array): void
  digest(): Buffer
}

interface DigestAlgorithm {
  readonly sizeBytes: number
  readonly start: () => Digest
}

const hash = (name: string) => (): Hash => createHash(name)

/** What Upload-Checksum can name, by what it is called there: in the order of our preference (tus 1.0.0, checksum). */
const ALGORITHMS = {
  sha1: { sizeBytes: 20, start: hash('sha1') },
  sha256: { sizeBytes: 32, start: hash('sha256') },
  sha512: { sizeBytes: 64, start: hash('sha512') },
  md5: { sizeBytes: 16, start: hash('md5') },
  crc32: { sizeBytes: 4, start: () => new Crc32() },
} as const satisfies Record<string, DigestAlgorithm>

export type DigestName = keyof typeof ALGORITHMS

export const DIGEST_NAMES = Object.keys(ALGORITHMS) as readonly DigestName[]

/** The algorithm of that name, undefined if there is none. */
export function findDigestName(name: string): DigestName | undefined {
  return DIGEST_NAMES.find((known) => known === name)
}

export function digestSizeBytes(name: DigestName): number {
  return ALGORITHMS[name].sizeBytes
}

export function startDigest(name: DigestName): Digest {
  return ALGORITHMS[name].start()
}
