import { createHash, randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'

export interface SampleFile {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
}

const MIB = 1024 ** 2

/** A file of random bytes: a piece that is missing, doubled or out of place changes its hash. */
export async function writeSampleFile(path: string, sizeBytes: number): Promise<SampleFile> {
  const hash = createHash('sha256')
  const file = await open(path, 'w')
  try {
    for (let written = 0; written < sizeBytes; written += MIB) {
      const chunk = randomBytes(Math.min(MIB, sizeBytes - written))
      hash.update(chunk)
      await file.write(chunk)
    }
  } finally {
    await file.close()
  }
  return { path, sizeBytes, sha256: hash.digest('hex') }
}

export async function sha256OfUrl(url: string): Promise<string> {
  const response = await fetch(url)
  if (!response.ok || response.body === null) throw new Error(`GET ${url}: ${response.status}`)
  const hash = createHash('sha256')
  for await (const chunk of response.body) hash.update(chunk)
  return hash.digest('hex')
}
