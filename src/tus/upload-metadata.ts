import { TuskerError } from '../core/errors.ts'
import type { UploadMetadata } from '../core/upload.ts'

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * Reads Upload-Metadata (tus 1.0.0, CR-04): pairs of a key and a Base64 value, separated by commas; a value may be
 * left out. Keys are ordinary text: `constructor` is one like any other.
 * @throws TuskerError ERR_INVALID_METADATA that names the pair
 */
export function parseUploadMetadata(header: string | undefined): UploadMetadata {
  const metadata = Object.create(null) as Record<string, string | null>
  if (header === undefined || header.trim() === '') return metadata
  for (const pair of header.split(',')) {
    const [key, value] = parsePair(pair.trim())
    if (key in metadata) throw invalid(`the key "${key}" is there twice`)
    metadata[key] = value
  }
  return metadata
}

function parsePair(pair: string): readonly [key: string, value: string | null] {
  const [key = '', value, ...rest] = pair.split(' ')
  if (key === '') throw invalid('a key is empty')
  if (rest.length > 0) throw invalid(`the pair of "${key}" has more than a key and a value`)
  if (value === undefined || value === '') return [key, null]
  if (!BASE64.test(value)) throw invalid(`the value of "${key}" is not Base64`)
  return [key, Buffer.from(value, 'base64').toString('utf8')]
}

function invalid(fault: string): TuskerError {
  // Header text of the client goes back to it: without control characters, which Node has refused already.
  return new TuskerError('ERR_INVALID_METADATA', { message: `Upload-Metadata is not valid: ${fault}` })
}
