import { TuskerError } from '../../core/errors.ts'
import { type UploadId, parseUploadId } from '../../core/upload-id.ts'
import type { UploadConcat } from '../../core/upload.ts'

const PARTIAL = 'partial'
const FINAL_PREFIX = 'final;'

/** More than any client makes; the size of a request's head allows some hundred URLs. */
const MAX_PIECES = 1_000

/** Stands in where the URLs of this server are paths alone. */
const NO_HOST = 'http://host.invalid'

/**
 * Reads Upload-Concat (CO-02, CO-05, CO-16). The URLs in it may be absolute or relative; none is ever fetched: each
 * must be that of an upload of this location, as this server writes it.
 * @param ownUrl the URL of an upload of this location, as the client that asks would be told it
 * @throws TuskerError ERR_INVALID_CONCAT that says what is wrong
 */
export function parseUploadConcat(header: string, ownUrl: string): UploadConcat {
  if (header === PARTIAL) return { kind: 'partial', raw: header }
  if (!header.startsWith(FINAL_PREFIX)) throw new TuskerError('ERR_INVALID_CONCAT')
  const urls = header
    .slice(FINAL_PREFIX.length)
    .split(' ')
    .filter((url) => url !== '')
  if (urls.length === 0) throw invalid('it names no partial upload')
  if (urls.length > MAX_PIECES) throw invalid(`it names more than ${MAX_PIECES} partial uploads`)
  return { kind: 'final', raw: header, partialIds: urls.map((url) => partialIdOf(url, ownUrl)) }
}

function partialIdOf(text: string, ownUrl: string): UploadId {
  const own = new URL(ownUrl, NO_HOST)
  const url = URL.canParse(text, own.href) ? new URL(text, own) : undefined
  const isPlain = url?.search === '' && url.hash === '' && url.username === '' && url.password === ''
  // Not the scheme: TLS may end at a proxy that does not say so.
  const isOurs = url?.host === own.host && ['http:', 'https:'].includes(url.protocol)
  if (!isPlain || !isOurs) throw foreign(text)
  const path = url.pathname.replace(/\/+$/, '')
  const collection = own.pathname.slice(0, own.pathname.lastIndexOf('/') + 1)
  const id = path.startsWith(collection) ? parseUploadId(path.slice(collection.length)) : undefined
  if (id === undefined) throw foreign(text)
  return id
}

function foreign(url: string): TuskerError {
  return invalid(`${url.slice(0, 200)} is not the URL of an upload of this location`)
}

function invalid(fault: string): TuskerError {
  return new TuskerError('ERR_INVALID_CONCAT', { message: `Upload-Concat is not valid: ${fault}` })
}
