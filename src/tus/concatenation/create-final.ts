import type { ServerResponse } from 'node:http'
import { TuskerError } from '../../core/errors.ts'
import type { OpenUpload } from '../../core/upload-store.ts'
import type { FinalConcat, FinalUploadInfo } from '../../core/upload.ts'
import type { UploadId } from '../../core/upload-id.ts'
import { hasBody, headerOf } from '../request-headers.ts'
import { type TusContext, type TusRequest, setUploadExpires } from '../tus-context.ts'
import { withLock } from '../upload-lock.ts'
import { metadataOf } from '../upload-metadata.ts'
import { answerWhenDone } from './late-answer.ts'
import { type Pieces, findPieces } from './pieces.ts'

/** Well below the 60 s after which proxies give up. */
const KEEP_ALIVE_MS = 10_000

/**
 * POST of a final upload: made at once, if its partial ones are finished (CO-04, CO-05), else when they are (CO-08).
 * A location that is being drained takes it: it is the end of uploads that are open.
 */
export async function createFinal(
  options: TusContext,
  exchange: TusRequest,
  { id, concat }: { readonly id: UploadId; readonly concat: FinalConcat },
): Promise<void> {
  const { request, response } = exchange
  if (options.mode === 'ro') throw new TuskerError('ERR_LOCATION_READ_ONLY')
  requireNothingOfItsOwn(exchange)
  const metadata = metadataOf(request)
  const pieces = await findPieces(options, concat.partialIds)
  requireSize(pieces, options)
  const createdAt = new Date(options.clock())
  const info = { id, lengthBytes: pieces.lengthBytes, ...metadata, createdAt, concat }
  response.setHeader('Location', options.uploadUrl(request, id))
  if (pieces.finished) return await makeNow(options, exchange, info, pieces.finished)
  await recordPending(options, exchange, info)
}

async function recordPending(
  options: TusContext,
  { response }: TusRequest,
  info: FinalUploadInfo,
): Promise<void> {
  const { concatenations, store } = options
  try {
    const begun = await withLock(options, info, async () => await store.begin(info))
    await store.concatenation?.mark(info.id, 'pending')
    // The last of them may have been finished in between.
    await concatenations.look(info)
    setUploadExpires(response, begun.upload, options)
  } catch (error) {
    await forget(options, response, info)
    throw error
  }
  response.writeHead(201, { 'Content-Length': 0 }).end()
}

/** CO-07: neither a length, which is that of the pieces, nor a body. */
function requireNothingOfItsOwn({ request }: TusRequest): void {
  const lengths = ['upload-length', 'upload-defer-length']
  if (lengths.some((name) => headerOf(request, name) !== undefined)) {
    throw new TuskerError('ERR_INVALID_LENGTH', {
      message: 'The length of a final upload is that of its partial ones: send no Upload-Length for it',
    })
  }
  if (hasBody(request)) throw new TuskerError('ERR_MODIFY_FINAL')
}

function requireSize({ knownBytes }: Pieces, { maxSizeBytes }: TusContext): void {
  if (maxSizeBytes !== undefined && knownBytes > maxSizeBytes) {
    throw new TuskerError('ERR_MAX_SIZE_EXCEEDED', {
      message: `The partial uploads are together larger than this server accepts (${maxSizeBytes} bytes)`,
    })
  }
}

async function makeNow(
  options: TusContext,
  { response }: TusRequest,
  info: FinalUploadInfo,
  pieces: NonNullable<Pieces['finished']>,
): Promise<void> {
  const { concatenations, concatKeepAliveMs = KEEP_ALIVE_MS, store } = options
  const open = async (): Promise<OpenUpload> => await store.begin(info)
  const work = concatenations.run({ info, pieces, open })
  try {
    await answerWhenDone(response, work, { keepAliveMs: concatKeepAliveMs })
  } catch (error) {
    if (!response.headersSent) await forget(options, response, info)
    throw error
  }
}

/** Of an upload that the client was not told of, nothing stays. */
async function forget(options: TusContext, response: ServerResponse, { id }: FinalUploadInfo): Promise<void> {
  response.removeHeader('Location')
  await options.concatenations.cancel(id)
  // Nobody else knows it, but the clean-up, which takes any that is free.
  await withLock(options, { id }, async () => await options.store.remove(id)).catch(() => undefined)
}
