import type { IncomingMessage } from 'node:http'
import { TuskerError } from '../../core/errors.ts'
import { contentLengthOf, hasBody, headerOf, mediaTypeOf } from '../request-headers.ts'
import type { Dialect } from './dialects.ts'
import type { RufhRequest } from './rufh-context.ts'
import { parseBoolean, parseCount } from './structured-fields.ts'

export const PARTIAL_UPLOAD = 'application/partial-upload'

/** Upload-Offset. @throws TuskerError ERR_INVALID_OFFSET if it is missing, or ignored for its value */
export function requireUploadOffset(request: IncomingMessage): number {
  const offsetBytes = parseCount(headerOf(request, 'upload-offset'))
  if (offsetBytes === undefined) {
    throw new TuskerError('ERR_INVALID_OFFSET', { message: 'Upload-Offset is missing or no whole number' })
  }
  return offsetBytes
}

/** Upload-Length, if it is there and a length. */
export function announcedLengthOf(request: IncomingMessage): number | undefined {
  return parseCount(headerOf(request, 'upload-length'))
}

/** How many bytes the body has; undefined if only its end will tell. */
export function bodyBytesOf(request: IncomingMessage): number | undefined {
  return hasBody(request) ? contentLengthOf(request) : 0
}

/** Whether a creation ends the upload that it begins. @throws TuskerError ERR_BAD_REQUEST if it does not say */
export function creationCompletes({ request, dialect }: RufhRequest): boolean {
  return readCompletes(request, dialect) ?? refuseUnknown(dialect)
}

/** Whether a PATCH ends the upload. @throws TuskerError ERR_BAD_REQUEST if that can't be known */
export function appendCompletes({ request, dialect }: RufhRequest): boolean {
  const completes = readCompletes(request, dialect)
  if (completes !== undefined) return completes
  // One that is there, but no Boolean, is never taken for an end of the upload.
  const isOmitted = headerOf(request, dialect.completeField.toLowerCase()) === undefined
  if (!isOmitted || dialect.omittedMeans === 'nothing') return refuseUnknown(dialect)
  return dialect.omittedMeans === 'complete'
}

function readCompletes(request: IncomingMessage, { completeField }: Dialect): boolean | undefined {
  const value = parseBoolean(headerOf(request, completeField.toLowerCase()))
  return completeField === 'Upload-Incomplete' && value !== undefined ? !value : value
}

function refuseUnknown({ completeField }: Dialect): never {
  throw new TuskerError('ERR_BAD_REQUEST', { message: `${completeField} must be ?0 or ?1` })
}

/** @throws TuskerError ERR_INVALID_CONTENT_TYPE for a PATCH of another type, where the dialect has one */
export function requirePartialUpload({ request, response, dialect }: RufhRequest): void {
  const isOther = hasBody(request) || headerOf(request, 'content-type') !== undefined
  if (!dialect.needsPartialUpload || !isOther || mediaTypeOf(request) === PARTIAL_UPLOAD) return
  // RFC 5789, 2.2.
  response.setHeader('Accept-Patch', PARTIAL_UPLOAD)
  throw new TuskerError('ERR_INVALID_CONTENT_TYPE', { message: `Content-Type must be ${PARTIAL_UPLOAD}` })
}

/** @throws TuskerError ERR_BAD_REQUEST for fields of an upload's state, in the dialects that forbid them in HEAD and DELETE */
export function refuseStateFields({ request, dialect }: RufhRequest): void {
  const fields = ['upload-offset', dialect.completeField.toLowerCase()]
  if (!dialect.refusesStateFields || fields.every((name) => headerOf(request, name) === undefined)) return
  throw new TuskerError('ERR_BAD_REQUEST', {
    message: `Upload-Offset and ${dialect.completeField} have no place in this request`,
  })
}
