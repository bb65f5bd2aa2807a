import { TuskerError } from '../core/errors.ts'
import { type UploadId, createUploadId } from '../core/upload-id.ts'
import type { OpenUpload } from '../core/upload-store.ts'
import type { Upload, UploadConcat, UploadInfo } from '../core/upload.ts'
import { BodyChecksum } from './body-checksum.ts'
import { createFinal } from './concatenation/create-final.ts'
import { parseUploadConcat } from './concatenation/upload-concat.ts'
import { hasBody, headerOf, isUploadContent, parseCreationLength } from './request-headers.ts'
import { type TusContext, type TusRequest, type TusServerOptions, setUploadExpires } from './tus-context.ts'
import { metadataOf } from './upload-metadata.ts'
import { withUploadLock } from './upload-lock.ts'
import { limitBody, requireWholeBody, writeBody } from './write-body.ts'

/** POST: creation, and creation-with-upload if the body is a piece of an upload; any other body is ignored. */
export async function createUpload(options: TusContext, exchange: TusRequest): Promise<void> {
  const { request, response } = exchange
  const id = createUploadId()
  const concat = concatOf(options, exchange, id)
  if (concat?.kind === 'final') return await createFinal(options, exchange, { id, concat })
  requireOpenLocation(options)
  const info = { ...parseCreation(options, exchange, id), concat }
  const takesBody = isUploadContent(request) && hasBody(request)
  const checksum = takesBody ? BodyChecksum.of(request) : undefined
  if (takesBody) limitBody(exchange, { ...info, offsetBytes: 0, activeAt: info.createdAt }, options)
  const upload = await beginUpload(options, exchange, { info, bodyFollows: takesBody }, async (begun) => {
    if (!takesBody) return begun.upload
    try {
      return await writeBody(exchange, begun, checksum)
    } catch (error) {
      if (checksum !== undefined) await forgetUnverified(options, info.id)
      throw error
    }
  })
  setUploadExpires(response, upload, options)
  if (takesBody) sendOffset(exchange, upload)
  response.writeHead(201, { 'Content-Length': 0 }).end()
}

/** A creation whose body is refused leaves nothing behind (CH-04): its client has no URL to go on with. */
async function forgetUnverified({ store }: TusServerOptions, id: UploadId): Promise<void> {
  await store.remove(id).catch(() => undefined)
}

interface Creation {
  readonly info: UploadInfo
  /** Whether `write` writes the first bytes, so that the upload need not be recorded before. */
  readonly bodyFollows: boolean
}

/**
 * Begins an upload and, under its lock, has `write` fill it. Location is set afterwards, and after a failure too if
 * there is an upload to be resumed.
 */
export async function beginUpload(
  options: TusServerOptions,
  exchange: TusRequest,
  { info, bodyFollows }: Creation,
  write: (begun: OpenUpload) => Promise<Upload>,
): Promise<Upload> {
  const { id } = info
  const { request, response } = exchange
  return await withUploadLock(options, { ...exchange, id }, async () => {
    const begun = await options.store.begin(info, { bodyFollows })
    try {
      const upload = await write(begun)
      response.setHeader('Location', options.uploadUrl(request, id))
      return upload
    } catch (error) {
      // What exists by now can be resumed, if the answer says where; what does not must not be looked for.
      if (await isRecorded(options, id)) response.setHeader('Location', options.uploadUrl(request, id))
      throw error
    }
  })
}

async function isRecorded({ store }: TusServerOptions, id: UploadId): Promise<boolean> {
  return await store.info(id).then(
    () => true,
    () => false,
  )
}

/** CO-01, CO-02: what the upload is to a concatenation, if it is part of one. */
function concatOf(
  { store, uploadUrl }: TusContext,
  { request }: TusRequest,
  id: UploadId,
): UploadConcat | undefined {
  const header = headerOf(request, 'upload-concat')
  if (header === undefined) return undefined
  if (store.concatenation) return parseUploadConcat(header, uploadUrl(request, id))
  throw new TuskerError('ERR_UNSUPPORTED_EXTENSION', { message: 'This server does not offer concatenation' })
}

/** @throws TuskerError for a location that takes no new uploads */
export function requireOpenLocation({ mode }: TusServerOptions): void {
  if (mode === 'ro') throw new TuskerError('ERR_LOCATION_READ_ONLY')
  if (mode === 'drain') throw new TuskerError('ERR_LOCATION_DRAINING')
}

function parseCreation(options: TusServerOptions, { request }: TusRequest, id: UploadId): UploadInfo {
  const lengthBytes = parseCreationLength(request)
  if (options.maxSizeBytes !== undefined && (lengthBytes ?? 0) > options.maxSizeBytes) {
    throw new TuskerError('ERR_MAX_SIZE_EXCEEDED', {
      message: `The upload is larger than this server accepts (${options.maxSizeBytes} bytes)`,
    })
  }
  return { id, lengthBytes, ...metadataOf(request), createdAt: new Date(options.clock()) }
}

function sendOffset(exchange: TusRequest, upload: Upload): void {
  exchange.response.setHeader('Upload-Offset', upload.offsetBytes)
  requireWholeBody(exchange, upload)
}
