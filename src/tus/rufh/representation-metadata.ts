import type { IncomingMessage } from 'node:http'
import { parse as parseDisposition } from 'content-disposition'
import { TuskerError } from '../../core/errors.ts'
import type { UploadInfo, UploadMetadata } from '../../core/upload.ts'
import { headerOf, isUploadContent, mediaTypeOf } from '../request-headers.ts'
import { encodeUploadMetadata, metadataOf } from '../upload-metadata.ts'
import type { RufhRequest } from './rufh-context.ts'
import { PARTIAL_UPLOAD } from './request-fields.ts'

/**
 * What a creation tells of its file: by Upload-Metadata, which tus-js-client sends in every protocol, or else by the
 * headers that HTTP has for it.
 * @throws TuskerError as parseUploadMetadata
 */
export function fileMetadataOf(request: IncomingMessage): Pick<UploadInfo, 'metadata' | 'rawMetadata'> {
  const sent = metadataOf(request)
  if (sent.rawMetadata !== undefined) return sent
  const metadata = representationMetadata(request)
  return { metadata, rawMetadata: encodeUploadMetadata(metadata) }
}

/** What the headers of a creation tell of the file, under the keys that tus clients use for it. */
function representationMetadata(request: IncomingMessage): UploadMetadata {
  const metadata = Object.create(null) as Record<string, string>
  const fileName = fileNameOf(headerOf(request, 'content-disposition'))
  const contentType = headerOf(request, 'content-type')
  if (fileName !== undefined) metadata['filename'] = fileName
  // The types of a piece say nothing about the whole; tus-js-client sends them with a creation too.
  const isPiece = mediaTypeOf(request) === PARTIAL_UPLOAD || isUploadContent(request)
  if (contentType !== undefined && contentType !== '' && !isPiece) metadata['filetype'] = contentType
  return metadata
}

/** The name in Content-Disposition (RFC 6266); one that can't be read is no reason to refuse a file. */
function fileNameOf(disposition: string | undefined): string | undefined {
  if (disposition === undefined) return undefined
  try {
    return parseDisposition(disposition).parameters['filename']
  } catch {
    return undefined
  }
}

/**
 * A coded file would be given out later without its Content-Encoding, which is not kept.
 * @throws TuskerError ERR_INVALID_CONTENT_TYPE
 */
export function requirePlainContent({ request, response }: RufhRequest): void {
  const coding = headerOf(request, 'content-encoding')?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') return
  // RFC 9110, 12.5.3: which coding would be right.
  response.setHeader('Accept-Encoding', 'identity')
  throw new TuskerError('ERR_INVALID_CONTENT_TYPE', { message: 'Content-Encoding is not supported' })
}
