import { TuskerError } from '../core/errors.ts'
import type { OpenUpload } from '../core/upload-store.ts'
import { type Upload, isComplete } from '../core/upload.ts'
import { contentLengthOf } from './request-headers.ts'
import type { TusRequest, TusServerOptions } from './tus-context.ts'

/**
 * Refuses a body that is known to be too long before a byte of it is stored (C-24).
 * @throws TuskerError ERR_UPLOAD_SIZE_EXCEEDED past the upload's length, ERR_MAX_SIZE_EXCEEDED past the server's limit
 */
export function requireRoom(exchange: TusRequest, upload: Upload, options: TusServerOptions): void {
  if ((contentLengthOf(exchange.request) ?? 0) > roomOf(upload, options)) throw tooLong(upload)
}

/** Writes the request's body, as far as it comes and fits. */
export async function writeBody(
  { body }: TusRequest,
  opened: OpenUpload,
  options: TusServerOptions,
): Promise<Upload> {
  const { upload } = opened
  body.limit(roomOf(upload, options))
  return await opened.write(body)
}

/**
 * What to answer after a body that did not end as it should; the bytes that arrived are stored.
 * @throws TuskerError that the client gets; for one that is gone, whatever it is, nobody reads it
 */
export function requireWholeBody({ body: { outcome }, response }: TusRequest, upload: Upload): void {
  if (outcome === 'ended') return
  if (outcome === 'too-long') throw tooLong(upload)
  // Every byte is stored: how the body ended no longer matters.
  if (isComplete(upload)) return
  // C-22: after a timeout the connection is closed too; after a shutdown there is nobody left to use it with.
  if (outcome === 'idle' || outcome === 'shutdown') response.setHeader('Connection', 'close')
  throw new TuskerError(OUTCOMES[outcome])
}

const OUTCOMES = {
  disconnected: 'ERR_BAD_REQUEST',
  idle: 'ERR_BODY_IDLE',
  'taken-over': 'ERR_UPLOAD_INTERRUPTED',
  shutdown: 'ERR_SERVER_SHUTDOWN',
} as const

/** Bytes that the upload may still take. */
function roomOf({ lengthBytes, offsetBytes }: Upload, { maxSizeBytes }: TusServerOptions): number {
  return (lengthBytes ?? maxSizeBytes ?? Number.POSITIVE_INFINITY) - offsetBytes
}

function tooLong({ lengthBytes }: Upload): TuskerError {
  return new TuskerError(lengthBytes === undefined ? 'ERR_MAX_SIZE_EXCEEDED' : 'ERR_UPLOAD_SIZE_EXCEEDED')
}
