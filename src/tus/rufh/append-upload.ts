import { TuskerError } from '../../core/errors.ts'
import type { OpenUpload } from '../../core/upload-store.ts'
import { type Upload, isComplete, lengthOf, requireWritable } from '../../core/upload.ts'
import type { TusContext, TusServerOptions } from '../tus-context.ts'
import { openUpload, withUploadLock } from '../upload-lock.ts'
import { sendOutcome } from './outcome.ts'
import { PAST_END, inconsistentLength, mismatchingOffset } from './problems.ts'
import {
  announcedLengthOf,
  appendCompletes,
  bodyBytesOf,
  requirePartialUpload,
  requireUploadOffset,
} from './request-fields.ts'
import { creationLimitOf, setUploadComplete } from './response-fields.ts'
import type { RufhUploadRequest } from './rufh-context.ts'
import { type LengthClaims, agreedLength, isPastEnd } from './upload-lengths.ts'
import { invalidate, writeContent } from './write-content.ts'

/** Upload append: PATCH on an upload. */
export async function appendUpload(options: TusContext, exchange: RufhUploadRequest): Promise<void> {
  const { request, response, dialect } = exchange
  setUploadComplete(response, dialect, false)
  response.setHeader('Upload-Limit', creationLimitOf(options, dialect))
  if (options.mode === 'ro') throw new TuskerError('ERR_LOCATION_READ_ONLY')
  // Not after waiting for the lock of one that is being made.
  if (options.concatenations.running(exchange.id)) throw new TuskerError('ERR_MODIFY_FINAL')
  requirePartialUpload(exchange)
  const offsetBytes = requireUploadOffset(request)
  const completes = appendCompletes(exchange)
  const claims = { completes, announcedBytes: announcedLengthOf(request), bodyBytes: bodyBytesOf(request) }
  const upload = await withUploadLock(options, exchange, async (lock) => {
    const opened = await openUpload(options, exchange, lock)
    requireWritable(opened.upload)
    requireOffset(exchange, opened.upload, offsetBytes)
    if (isComplete(opened.upload)) return replay(opened.upload, claims)
    await declare(options, exchange, opened, claims)
    return await writeContent(options, exchange, opened, completes)
  })
  if (isComplete(upload)) options.concatenations.finished(upload.id)
  sendOutcome(options, exchange, { upload, completes, unfinishedStatus: dialect.appendStatus })
}

/** @throws TuskerError ERR_OFFSET_MISMATCH; the right offset is in the answer's header */
function requireOffset({ response }: RufhUploadRequest, upload: Upload, offsetBytes: number): void {
  if (upload.offsetBytes === offsetBytes) return
  response.setHeader('Upload-Offset', upload.offsetBytes)
  throw mismatchingOffset(upload.offsetBytes, offsetBytes)
}

/**
 * A client that never got the answer to its last request repeats it without a body: it gets that answer.
 * @throws TuskerError ERR_INVALID_LENGTH for more bytes: what is complete stays as it is
 */
function replay(upload: Upload, { bodyBytes, announcedBytes = upload.lengthBytes }: LengthClaims): Upload {
  if (bodyBytes !== 0 || announcedBytes !== upload.lengthBytes) {
    throw inconsistentLength(`The upload is complete with ${upload.offsetBytes} bytes`)
  }
  return upload
}

/**
 * Declares the length before a byte is written, if the request makes it known for good: the store then needs no request
 * more than for an upload of tus.
 * @throws TuskerError for a length that can't be; nothing has changed then, unless the body goes past it
 */
async function declare(
  options: TusServerOptions,
  { id, dialect }: RufhUploadRequest,
  opened: OpenUpload,
  claims: LengthClaims,
): Promise<void> {
  const { offsetBytes, lengthBytes: declared, announcedLengthBytes } = opened.upload
  if (isPastEnd(offsetBytes, lengthOf(opened.upload), claims)) await invalidate(options, id)
  const lengthBytes = agreedLength(opened.upload, claims)
  if (isPastEnd(offsetBytes, lengthBytes, claims)) throw inconsistentLength(PAST_END)
  if ((lengthBytes ?? offsetBytes + (claims.bodyBytes ?? 0)) > (options.maxSizeBytes ?? Infinity)) {
    throw new TuskerError('ERR_MAX_SIZE_EXCEEDED')
  }
  const isForGood = claims.completes || dialect.lengthCompletes || announcedLengthBytes === undefined
  if (lengthBytes !== undefined && declared === undefined && isForGood) {
    await opened.declareLength(lengthBytes)
  }
}
