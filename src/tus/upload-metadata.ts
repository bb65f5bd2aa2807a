import type { IncomingMessage } from 'node:http'
import { TuskerError } from '../core/errors.ts'
import type { UploadInfo, UploadMetadata } from '../core/upload.ts'
import { decodeBase64 } from './base64.ts'
import { headerOf } from './request-headers.ts'

/** HEAD gives it all back, and clients in Node read no more than 16 KiB of headers. */
const MAX_BYTES = 8 * 1024

const MAX_KEYS = 1_000

/**
 * Reads Upload-Metadata (tus 1.0.0, CR-04): pairs of a key and a Base64 value, separated by commas; a value may be
 * left out. Keys are ordinary text: `constructor` is one like any other.
 * @throws TuskerError ERR_INVALID_METADATA that names the pair; ERR_METADATA_TOO_LARGE past 8 KiB or 1,000 keys
 */
export function parseUploadMetadata(header: string | undefined): UploadMetadata {
  const metadata = Object.create(null) as Record<string, string | null>
  if (header === undefined || header.trim() === '') return metadata
  if (header.length > MAX_BYTES) throw tooLarge(`${MAX_BYTES} bytes`)
  const pairs = header.split(',')
  if (pairs.length > MAX_KEYS) throw tooLarge(`${MAX_KEYS} keys`)
  for (const pair of pairs) {
    const [key, value] = parsePair(pair.trim())
    if (key in metadata) throw invalid(`the key "${key}" is there twice`)
    metadata[key] = value
  }
  return metadata
}

/** Upload-Metadata for metadata that came otherwise; undefined if there is none. */
export function encodeUploadMetadata(metadata: UploadMetadata): string | undefined {
  const pairs = Object.entries(metadata).map(([key, value]) =>
    value === null ? key : `${key} ${Buffer.from(value).toString('base64')}`,
  )
  return pairs.length === 0 ? undefined : pairs.join(',')
}

/** Both forms of what a creation says of its upload. @throws TuskerError as parseUploadMetadata */
export function metadataOf(request: IncomingMessage): Pick<UploadInfo, 'metadata' | 'rawMetadata'> {
  const rawMetadata = headerOf(request, 'upload-metadata')
  return {
    metadata: parseUploadMetadata(rawMetadata),
    rawMetadata: rawMetadata === '' ? undefined : rawMetadata,
  }
}

function parsePair(pair: string): readonly [key: string, value: string | null] {
  const [key = '', value, ...rest] = pair.split(' ')
  if (key === '') throw invalid('a key is empty')
  if (rest.length > 0) throw invalid(`the pair of "${key}" has more than a key and a value`)
  if (value === undefined || value === '') return [key, null]
  const bytes = decodeBase64(value)
  if (bytes === undefined) throw invalid(`the value of "${key}" is not Base64`)
  return [key, bytes.toString('utf8')]
}

function tooLarge(limit: string): TuskerError {
  return new TuskerError('ERR_METADATA_TOO_LARGE', { message: `Upload-Metadata may have at most ${limit}` })
}

function invalid(fault: string): TuskerError {
  // Header text of the client goes back to it: without control characters, which Node has refused already.
  return new TuskerError('ERR_INVALID_METADATA', { message: `Upload-Metadata is not valid: ${fault}` })
}
