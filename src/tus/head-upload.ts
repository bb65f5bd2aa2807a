import { TuskerError, toTuskerError } from '../core/errors.ts'
import type { Upload } from '../core/upload.ts'
import { type TusServerOptions, type UploadRequest, setUploadExpires } from './tus-context.ts'
import { openUpload, withUploadLock } from './upload-lock.ts'

/** HEAD: how far the upload is. A running PATCH is asked to let go first, so that the answer is exact. */
export async function headUpload(options: TusServerOptions, exchange: UploadRequest): Promise<void> {
  const { response } = exchange
  const upload = await findUpload(options, exchange)
  setUploadHeaders(exchange, upload)
  setUploadExpires(response, upload, options)
  response.writeHead(200).end()
}

async function findUpload(options: TusServerOptions, exchange: UploadRequest): Promise<Upload> {
  try {
    return await withUploadLock(
      options,
      exchange,
      async (lock) => (await openUpload(options, exchange, lock)).upload,
    )
  } catch (error) {
    throw withoutRestart(toTuskerError(error), exchange)
  }
}

function setUploadHeaders({ response }: UploadRequest, upload: Upload): void {
  response.setHeader('Upload-Offset', upload.offsetBytes)
  if (upload.lengthBytes === undefined) response.setHeader('Upload-Defer-Length', '1')
  else response.setHeader('Upload-Length', upload.lengthBytes)
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
