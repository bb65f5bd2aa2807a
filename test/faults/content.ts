import { createCipheriv, createHash } from 'node:crypto'

/** The file of a run. */
export interface Content {
  readonly bytes: Buffer
  readonly sha256: string
}

/** Bytes that look random and depend on the seed alone: a piece that is missing, doubled or out of place shows. */
export function makeContent(seed: number, sizeBytes: number): Content {
  const key = createHash('md5').update(`content-${seed}`).digest()
  const bytes = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes))
  return { bytes, sha256: sha256Of(bytes) }
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
