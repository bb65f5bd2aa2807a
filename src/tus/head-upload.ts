import { TuskerError, toTuskerError } from '../core/errors.ts'
import type { OpenUpload } from '../core/upload-store.ts'
import { type FinalUploadInfo, type Upload, isComplete, isFinal, lengthOf } from '../core/upload.ts'
import { headerOf } from './request-headers.ts'
import { setUploadState } from './rufh/response-fields.ts'
import { type TusContext, type UploadRequest, setUploadExpires } from './tus-context.ts'
import { openUpload, withUploadLock } from './upload-lock.ts'

/**
 * HEAD: how far the upload is, in the words of tus and in those of the IETF protocol, for clients that do not say which
 * they speak. A running PATCH is asked to let go first, so that the answer is exact.
 */
export async function headUpload(options: TusContext, exchange: UploadRequest): Promise<void> {
  const { response } = exchange
  const upload = await findUpload(options, exchange)
  setUploadHeaders(exchange, upload, options)
  setUploadExpires(response, upload, options)
  response.writeHead(200).end()
}

/** How far the upload is. @throws TuskerError that no client takes for the loss of its upload, unless it is one */
export async function findUpload(options: TusContext, exchange: UploadRequest): Promise<Upload> {
  const running = options.concatenations.running(exchange.id)
  if (running) return unfinished(running, running.lengthBytes)
  try {
    const upload = await withUploadLock(
      options,
      exchange,
      async (lock) => await finishForTus(exchange, await openUpload(options, exchange, lock)),
    )
    return isUnfinishedFinal(upload) ? await findFinal(options, upload) : upload
  } catch (error) {
    throw withoutRestart(toTuskerError(error), exchange)
  }
}

/**
 * To a client of tus an upload with all its bytes is done, and it sends nothing more: one that an IETF client announced,
 * and has yet to complete, is completed before that is said.
 */
async function finishForTus({ request }: UploadRequest, opened: OpenUpload): Promise<Upload> {
  const { upload } = opened
  const isOfTus = headerOf(request, 'tus-resumable') !== undefined
  const isAllThere = upload.lengthBytes === undefined && upload.announcedLengthBytes === upload.offsetBytes
  return isOfTus && isAllThere ? await opened.declareLength(upload.offsetBytes) : upload
}

/** CO-14: its length, if it can be told by now. Should its partial uploads be finished, it is begun to be made. */
async function findFinal({ concatenations }: TusContext, info: FinalUploadInfo): Promise<Upload> {
  return unfinished(info, (await concatenations.look(info)).lengthBytes)
}

/** One that will be empty must not look complete before it is there: 0 of 0 bytes. */
function unfinished(info: FinalUploadInfo, lengthBytes: number | undefined): Upload {
  return { ...info, offsetBytes: 0, lengthBytes: lengthBytes || undefined, activeAt: info.createdAt }
}

function isUnfinishedFinal(upload: Upload): upload is Upload & FinalUploadInfo {
  return isFinal(upload) && !isComplete(upload)
}

function setUploadHeaders({ response }: UploadRequest, upload: Upload, options: TusContext): void {
  const lengthBytes = lengthOf(upload)
  const hasOffset = !isUnfinishedFinal(upload)
  if (hasOffset) setUploadState(response, upload, options)
  // Of a final upload nobody defers the length, and no offset is told until it is there (CO-12).
  else if (lengthBytes !== undefined) response.setHeader('Upload-Length', lengthBytes)
  if (hasOffset && lengthBytes === undefined) response.setHeader('Upload-Defer-Length', '1')
  if (upload.concat !== undefined) response.setHeader('Upload-Concat', upload.concat.raw)
  if (upload.rawMetadata !== undefined) response.setHeader('Upload-Metadata', upload.rawMetadata)
}

/**
 * tus-js-client starts a file again from zero when HEAD answers anything but 2xx or 423 (lib/upload.js,
 * _resumeUpload): trouble on our side must not cost the client its upload.
 */
function withoutRestart(error: TuskerError, { response }: UploadRequest): TuskerError {
  if (error.status < 500 && error.status !== 429 && error.status !== 423) return error
  response.setHeader('Retry-After', '1')
  if (error.status === 423) return error
  return new TuskerError('ERR_UPLOAD_LOCKED', { message: error.message, cause: error })
}
