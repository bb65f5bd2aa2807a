import { findUpload } from '../head-upload.ts'
import type { TusContext } from '../tus-context.ts'
import { refuseStateFields } from './request-fields.ts'
import { setUploadState } from './response-fields.ts'
import type { RufhUploadRequest } from './rufh-context.ts'

/** Offset retrieval: HEAD, or GET. A request that is running is asked to let go first, so that the answer is exact. */
export async function retrieveOffset(options: TusContext, exchange: RufhUploadRequest): Promise<void> {
  const { response, dialect } = exchange
  response.setHeader('Cache-Control', 'no-store')
  refuseStateFields(exchange)
  setUploadState(response, await findUpload(options, exchange), options, dialect)
  // 204 in each draft; 200 only in some of them.
  response.writeHead(204).end()
}
