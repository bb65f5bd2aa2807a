import type { OpenUpload } from '../../core/upload-store.ts'
import { type Upload, lengthOf } from '../../core/upload.ts'
import { hasBody } from '../request-headers.ts'
import type { TusServerOptions } from '../tus-context.ts'
import { limitBody } from '../write-body.ts'
import { invalidatedUpload } from './problems.ts'
import type { RufhUploadRequest } from './rufh-context.ts'

/** Appends the body, and completes the upload if the request says so and was received whole. */
export async function writeContent(
  options: TusServerOptions,
  exchange: RufhUploadRequest,
  opened: OpenUpload,
  completes: boolean,
): Promise<Upload> {
  const { request, body, interim, id } = exchange
  const onStored = interim.areOn ? (offsetBytes: number) => interim.progress(offsetBytes) : undefined
  limitBody(exchange, opened.upload, options)
  const upload = hasBody(request) ? await opened.write(body, { onStored }) : opened.upload
  if (body.outcome === 'too-long' && lengthOf(upload) !== undefined) await invalidate(options, id)
  // Known now only, after a body without Content-Length.
  const endsHere = completes && body.outcome === 'ended' && upload.lengthBytes === undefined
  return endsHere ? await opened.declareLength(upload.offsetBytes) : upload
}

/**
 * Removes an upload that got more bytes than it has: nobody may go on with it.
 * @throws TuskerError ERR_UPLOAD_INVALIDATED
 */
export async function invalidate({ store }: TusServerOptions, id: RufhUploadRequest['id']): Promise<never> {
  await store.remove(id)
  throw invalidatedUpload()
}
