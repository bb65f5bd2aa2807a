import { toTuskerError } from '../../core/errors.ts'
import type { UploadId } from '../../core/upload-id.ts'
import { terminateUpload } from '../terminate-upload.ts'
import type { TusRequest, TusContext } from '../tus-context.ts'
import { appendUpload } from './append-upload.ts'
import { createUpload } from './create-upload.ts'
import type { Dialect } from './dialects.ts'
import { InterimResponses } from './interim-responses.ts'
import { refuseStateFields } from './request-fields.ts'
import { retrieveOffset } from './retrieve-offset.ts'
import type { RufhUploadRequest } from './rufh-context.ts'

type RufhHandler = (options: TusContext, exchange: RufhUploadRequest) => Promise<void>

const UPLOAD_HANDLERS: Readonly<Record<string, RufhHandler>> = {
  HEAD: retrieveOffset,
  GET: retrieveOffset,
  PATCH: appendUpload,
  DELETE: cancelUpload,
}

/** The handler for a request of the IETF protocol; undefined for a method that it does not have there. */
export function rufhHandlerOf(
  options: TusContext,
  exchange: TusRequest,
  { method, dialect, id }: { method: string; dialect: Dialect; id: UploadId | undefined },
): (() => Promise<void>) | undefined {
  const interim = new InterimResponses(exchange, dialect, options)
  const served = { ...exchange, dialect, interim }
  const onUpload = UPLOAD_HANDLERS[method]
  if (id !== undefined && onUpload) return () => guard(served, onUpload(options, { ...served, id }))
  if (id === undefined && method === 'POST') return () => guard(served, createUpload(options, served))
  return undefined
}

/** Upload cancellation: a request that is running is asked to let go first. */
async function cancelUpload(options: TusContext, exchange: RufhUploadRequest): Promise<void> {
  refuseStateFields(exchange)
  await terminateUpload(options, exchange)
}

/**
 * URLSession, told by a 104 that it can resume, does so when the connection breaks, but takes an answer of 500 for
 * final: after a 104, trouble that passes is told by breaking off.
 */
async function guard(
  { interim, response }: Pick<RufhUploadRequest, 'interim' | 'response'>,
  serving: Promise<void>,
): Promise<void> {
  try {
    await serving
  } catch (thrown) {
    const { status } = toTuskerError(thrown)
    if (interim.wereSent && (status >= 500 || status === 423)) response.destroy()
    throw thrown
  }
}
