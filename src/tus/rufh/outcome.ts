import { type Upload, isComplete } from '../../core/upload.ts'
import type { TusServerOptions } from '../tus-context.ts'
import { requireWholeBody } from '../write-body.ts'
import { inconsistentLength } from './problems.ts'
import { setUploadComplete, uploadLimitOf } from './response-fields.ts'
import type { RufhUploadRequest } from './rufh-context.ts'

interface Outcome {
  readonly upload: Upload
  /** Whether the request was to be the last one. */
  readonly completes: boolean
  /** The status for an upload that goes on. */
  readonly unfinishedStatus: 201 | 204
}

/**
 * Answers a creation or an append: the same answer for a complete upload, whichever request completed it.
 * @throws TuskerError that says why the body ended, if it did not end as it should
 */
export function sendOutcome(
  options: TusServerOptions,
  exchange: RufhUploadRequest,
  { upload, completes, unfinishedStatus }: Outcome,
): void {
  const { request, response, dialect, id } = exchange
  const isWhole = isComplete(upload)
  response.setHeader('Upload-Offset', upload.offsetBytes)
  response.setHeader('Upload-Limit', uploadLimitOf(upload, options, dialect))
  requireWholeBody(exchange, upload)
  if (completes && !isWhole) throw inconsistentLength('The body ended before Upload-Length was reached')
  setUploadComplete(response, dialect, isWhole)
  if (isWhole) response.setHeader('Location', options.uploadUrl(request, id))
  const status = isWhole ? 201 : unfinishedStatus
  if (status === 201) response.setHeader('Content-Length', 0)
  response.writeHead(status).end()
}
