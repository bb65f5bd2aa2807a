import { TuskerError } from '../core/errors.ts'
import type { TusContext, UploadRequest } from './tus-context.ts'
import { withUploadLock } from './upload-lock.ts'

/** DELETE: removes the upload, finished or not; a PATCH that is running is asked to let go first (TE-01 to TE-04). */
export async function terminateUpload(options: TusContext, exchange: UploadRequest): Promise<void> {
  if (options.mode === 'ro') throw new TuskerError('ERR_LOCATION_READ_ONLY')
  await options.concatenations.cancel(exchange.id)
  await withUploadLock(options, exchange, () => options.store.remove(exchange.id))
  exchange.response.writeHead(204).end()
}
