import { TuskerError, toTuskerError } from '../core/errors.ts'
import type { OpenUpload } from '../core/upload-store.ts'
import { type Upload, lengthOf } from '../core/upload.ts'
import { headerOf } from './request-headers.ts'
import { setUploadState } from './rufh/response-fields.ts'
import { type TusServerOptions, type UploadRequest, setUploadExpires } from './tus-context.ts'
import { openUpload, withUploadLock } from './upload-lock.ts'

/**
 * HEAD: how far the upload is, in the words of tus and in those of the IETF protocol, for clients that do not say which
 * they speak. A running PATCH is asked to let go first, so that the answer is exact.
 */
export async function headUpload(options: TusServerOptions, exchange: UploadRequest): Promise<void> {
  const { response } = exchange
  const upload = await findUpload(options, exchange)
  setUploadState(response, upload, options)
  setUploadHeaders(exchange, upload)
  setUploadExpires(response, upload, options)
  response.writeHead(200).end()
}

/** How far the upload is. @throws TuskerError that no client takes for the loss of its upload, unless it is one */
export async function findUpload(options: TusServerOptions, exchange: UploadRequest): Promise<Upload> {
  try {
    return await withUploadLock(
      options,
      exchange,
      async (lock) => await finishForTus(exchange, await openUpload(options, exchange, lock)),
    )
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

function setUploadHeaders({ response }: UploadRequest, upload: Upload): void {
  if (lengthOf(upload) === undefined) response.setHeader('Upload-Defer-Length', '1')
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
