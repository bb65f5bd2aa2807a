import { TuskerError } from '../core/errors.ts'
import type { OpenUpload } from '../core/upload-store.ts'
import { type Upload, isComplete, requireDeclarable, requireWritable } from '../core/upload.ts'
import { BodyChecksum } from './body-checksum.ts'
import { isUploadContent, parseUploadLength, parseUploadOffset } from './request-headers.ts'
import {
  type TusContext,
  type TusServerOptions,
  type UploadRequest,
  setUploadExpires,
} from './tus-context.ts'
import { openUpload, withUploadLock } from './upload-lock.ts'
import { limitBody, requireWholeBody, writeBody } from './write-body.ts'

/** PATCH: appends the body at Upload-Offset. */
export async function appendUpload(options: TusContext, exchange: UploadRequest): Promise<void> {
  const { request, response } = exchange
  if (options.mode === 'ro') throw new TuskerError('ERR_LOCATION_READ_ONLY')
  // Not after waiting for the lock of one that is being made.
  if (options.concatenations.running(exchange.id)) throw new TuskerError('ERR_MODIFY_FINAL')
  if (!isUploadContent(request)) throw new TuskerError('ERR_INVALID_CONTENT_TYPE')
  const offsetBytes = parseUploadOffset(request)
  const lengthBytes = parseUploadLength(request)
  const checksum = BodyChecksum.of(request)
  const upload = await withUploadLock(options, exchange, async (lock) => {
    const opened = await openUpload(options, exchange, lock)
    // Already now: EX-02 wants it in every answer, refusals too.
    setUploadExpires(response, opened.upload, options)
    requireWritable(opened.upload)
    requireOffset(opened, offsetBytes)
    // tus knows no length that is only announced: what an IETF client began has its length from now on.
    const declared = withLength(opened.upload, lengthBytes ?? opened.upload.announcedLengthBytes, options)
    // Before anything changes: a body that is too long for the length declares no length either.
    limitBody(exchange, declared, options)
    const declare = async (): Promise<Upload> => await declareLength(opened, declared)
    // A length that comes with a body that turns out wrong is not set either (CH-04).
    if (checksum === undefined) await declare()
    const written = await writeBody(exchange, opened, checksum)
    return checksum === undefined ? written : await declare()
  })
  if (isComplete(upload)) options.concatenations.finished(upload.id)
  sendOffset(options, exchange, upload)
}

function requireOffset({ upload }: OpenUpload, offsetBytes: number): void {
  if (upload.offsetBytes !== offsetBytes) {
    throw new TuskerError('ERR_OFFSET_MISMATCH', {
      message: `Upload-Offset is ${offsetBytes}, but the upload is at ${upload.offsetBytes}`,
    })
  }
}

/** The upload as it will be with the length that a PATCH declares, if it does: once, and not below what is stored. */
function withLength(
  upload: Upload,
  lengthBytes: number | undefined,
  { maxSizeBytes }: TusServerOptions,
): Upload {
  // Some clients repeat the length with every PATCH: the same one changes nothing (CR-07).
  if (lengthBytes === undefined || lengthBytes === upload.lengthBytes) return upload
  requireDeclarable(upload, lengthBytes)
  if (maxSizeBytes !== undefined && lengthBytes > maxSizeBytes) throw new TuskerError('ERR_MAX_SIZE_EXCEEDED')
  return { ...upload, lengthBytes }
}

async function declareLength(opened: OpenUpload, { lengthBytes }: Upload): Promise<Upload> {
  const isNew = lengthBytes !== undefined && lengthBytes !== opened.upload.lengthBytes
  return isNew ? await opened.declareLength(lengthBytes) : opened.upload
}

function sendOffset(options: TusServerOptions, exchange: UploadRequest, upload: Upload): void {
  const { response } = exchange
  setUploadExpires(response, upload, options)
  requireWholeBody(exchange, upload)
  response.setHeader('Upload-Offset', upload.offsetBytes)
  response.writeHead(204).end()
}
