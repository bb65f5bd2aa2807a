import type { IncomingMessage } from 'node:http'
import { S3Error } from './s3-error.ts'

/** Where a request goes. */
export interface Target {
  readonly bucket: string
  readonly key: string
  /** As it came, still percent-encoded: what was signed. */
  readonly rawPath: string
  readonly query: URLSearchParams
}

const MAX_KEY_BYTES = 1024

/** @throws S3Error InvalidURI, KeyTooLongError */
export function parseTarget({ url = '/', headers }: IncomingMessage): Target {
  // Not new URL(): it would resolve `..` and read `//bucket` as a host, and S3 does neither.
  const [rawPath = '/', ...search] = url.split('?')
  const { bucket, key } = bucketAndKey(headers.host ?? '', decode(rawPath.slice(1)))
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError', 'Your key is too long')
  return { bucket, key, rawPath, query: new URLSearchParams(search.join('?')) }
}

/** Virtual-host style if the host is `bucket.localhost` or `bucket.s3.test`, else path style (`/bucket/key`). */
function bucketAndKey(host: string, path: string): { bucket: string; key: string } {
  const virtual = /^(.+)\.(?:localhost|s3\.test)(?::\d+)?$/.exec(host)?.[1]
  if (virtual !== undefined) return { bucket: virtual, key: path }
  const slash = path.indexOf('/')
  return slash === -1
    ? { bucket: path, key: '' }
    : { bucket: path.slice(0, slash), key: path.slice(slash + 1) }
}

/** Percent-decodes a path. @throws S3Error InvalidURI */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI")
  }
}

/** Percent-encodes as signature v4 does: everything but letters, digits and `-._~`. */
export function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
