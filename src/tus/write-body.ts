import { TuskerError } from '../core/errors.ts'
import type { OpenUpload } from '../core/upload-store.ts'
import { type Upload, isComplete, lengthOf } from '../core/upload.ts'
import type { BodyChecksum } from './body-checksum.ts'
import { contentLengthOf } from './request-headers.ts'
import type { TusRequest, TusServerOptions } from './tus-context.ts'

/**
 * Limits the body to what `upload` may still take, and refuses one that is known to be longer before a byte of it is
 * stored (C-24). To be called before `writeBody`.
 * @throws TuskerError ERR_UPLOAD_SIZE_EXCEEDED past the upload's length, ERR_MAX_SIZE_EXCEEDED past the server's limit
 */
export function limitBody(exchange: TusRequest, upload: Upload, options: TusServerOptions): void {
  const roomBytes = roomOf(upload, options)
  if ((contentLengthOf(exchange.request) ?? 0) > roomBytes) throw tooLong(upload)
  exchange.body.limit(roomBytes)
}

/** Writes the request's body, as far as it comes and fits: one with a checksum as a whole or not at all (CH-04, CH-10). */
export async function writeBody(
  exchange: TusRequest,
  opened: OpenUpload,
  checksum?: BodyChecksum,
): Promise<Upload> {
  const { body } = exchange
  if (checksum === undefined) return await opened.write(body)
  const verify = (): void => {
    requireWholeBody(exchange, opened.upload, { keeps: false })
    checksum.requireMatch()
  }
  return await opened.write(checksum.watch(body), { verify })
}

/**
 * What to answer after a body that did not end as it should; the bytes that arrived are stored, or not if it could not
 * be verified.
 * @throws TuskerError that the client gets; for one that is gone, whatever it is, nobody reads it
 */
export function requireWholeBody(
  { body: { outcome }, response }: TusRequest,
  upload: Upload,
  { keeps }: { readonly keeps: boolean } = { keeps: true },
): void {
  if (outcome === 'ended') return
  if (outcome === 'too-long') throw tooLong(upload)
  // Every byte is stored: how the body ended no longer matters.
  if (keeps && isComplete(upload)) return
  // C-22: after a timeout the connection is closed too; after a shutdown there is nobody left to use it with.
  if (outcome === 'idle' || outcome === 'shutdown') response.setHeader('Connection', 'close')
  throw new TuskerError(OUTCOMES[outcome], keeps ? {} : { message: NOTHING_KEPT })
}

const NOTHING_KEPT = 'The body did not come to its end, so its checksum says nothing: none of it was kept'

const OUTCOMES = {
  disconnected: 'ERR_BAD_REQUEST',
  idle: 'ERR_BODY_IDLE',
  'taken-over': 'ERR_UPLOAD_INTERRUPTED',
  shutdown: 'ERR_SERVER_SHUTDOWN',
} as const

/** Bytes that the upload may still take. */
function roomOf(upload: Upload, { maxSizeBytes }: TusServerOptions): number {
  return (lengthOf(upload) ?? maxSizeBytes ?? Number.POSITIVE_INFINITY) - upload.offsetBytes
}

function tooLong(upload: Upload): TuskerError {
  return new TuskerError(
    lengthOf(upload) === undefined ? 'ERR_MAX_SIZE_EXCEEDED' : 'ERR_UPLOAD_SIZE_EXCEEDED',
  )
}
