import type { IncomingMessage } from 'node:http'
import { type ErrorCode, TuskerError } from '../core/errors.ts'

export const TUS_VERSION = '1.0.0'

export const UPLOAD_CONTENT_TYPE = 'application/offset+octet-stream'

/** The methods of the protocol. */
const TUS_METHODS = ['POST', 'HEAD', 'PATCH', 'DELETE', 'OPTIONS'] as const
type TusMethod = (typeof TUS_METHODS)[number]

/** One header's value; several of one name arrive joined by a comma, which no number survives. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** The method that the client means: X-HTTP-Method-Override, if it is there, is it (tus 1.0.0, C-10). */
export function methodOf(request: IncomingMessage): string {
  const override = headerOf(request, 'x-http-method-override')
  return (override ?? request.method ?? '').trim().toUpperCase()
}

/** @throws TuskerError ERR_INVALID_METHOD_OVERRIDE for an override that names no method of the protocol */
export function requireKnownOverride(request: IncomingMessage): void {
  const override = headerOf(request, 'x-http-method-override')
  if (override !== undefined && !isTusMethod(methodOf(request)) && methodOf(request) !== 'GET') {
    throw new TuskerError('ERR_INVALID_METHOD_OVERRIDE')
  }
}

function isTusMethod(method: string): method is TusMethod {
  return TUS_METHODS.some((known) => known === method)
}

/** @throws TuskerError ERR_UNSUPPORTED_VERSION if Tus-Resumable is missing or another version (C-07) */
export function requireVersion(request: IncomingMessage): void {
  if (headerOf(request, 'tus-resumable') !== TUS_VERSION) throw new TuskerError('ERR_UNSUPPORTED_VERSION')
}

/** Upload-Offset. @throws TuskerError ERR_INVALID_OFFSET if it is missing or no whole number (C-02) */
export function parseUploadOffset(request: IncomingMessage): number {
  const text = headerOf(request, 'upload-offset')
  if (text === undefined) throw new TuskerError('ERR_INVALID_OFFSET', { message: 'Upload-Offset is missing' })
  return parseCount(text, 'ERR_INVALID_OFFSET')
}

/** Upload-Length, if it is there. @throws TuskerError ERR_INVALID_LENGTH if it is no whole number (C-03) */
export function parseUploadLength(request: IncomingMessage): number | undefined {
  const text = headerOf(request, 'upload-length')
  return text === undefined ? undefined : parseCount(text, 'ERR_INVALID_LENGTH')
}

/**
 * The length that a creation declares: undefined if it is deferred.
 * @throws TuskerError ERR_INVALID_LENGTH unless there is exactly one of Upload-Length and Upload-Defer-Length: 1
 */
export function parseCreationLength(request: IncomingMessage): number | undefined {
  const deferred = headerOf(request, 'upload-defer-length')
  const lengthBytes = parseUploadLength(request)
  if (deferred !== undefined && deferred !== '1') throw invalidLength('Upload-Defer-Length must be 1')
  if ((deferred === undefined) === (lengthBytes === undefined)) {
    throw invalidLength('Send either Upload-Length or Upload-Defer-Length: 1')
  }
  return lengthBytes
}

/** Content-Length, if the body has one: Node has checked it. */
export function contentLengthOf(request: IncomingMessage): number | undefined {
  const text = headerOf(request, 'content-length')
  return text === undefined ? undefined : Number(text)
}

/** Whether the request has a body at all. */
export function hasBody(request: IncomingMessage): boolean {
  return headerOf(request, 'transfer-encoding') !== undefined || (contentLengthOf(request) ?? 0) > 0
}

/** Whether the body is a piece of an upload: the media type, whatever its case and parameters. */
export function isUploadContent(request: IncomingMessage): boolean {
  return mediaTypeOf(request) === UPLOAD_CONTENT_TYPE
}

/** The media type of the body, in lower case and without parameters; empty if there is none. */
export function mediaTypeOf(request: IncomingMessage): string {
  const [type = ''] = (headerOf(request, 'content-type') ?? '').split(';')
  return type.trim().toLowerCase()
}

function parseCount(text: string, code: ErrorCode): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw new TuskerError(code)
  return value
}

/** A fault in Upload-Length or Upload-Defer-Length. */
function invalidLength(message: string): TuskerError {
  return new TuskerError('ERR_INVALID_LENGTH', { message })
}
