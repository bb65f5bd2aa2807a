import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Response } from 'express'
import type { ByteRange, Driver, ObjectStat } from '../../core/driver.ts'
import { TuskerError, isTuskerError } from '../../core/errors.ts'
import type { ObjectKey } from '../../core/object-key.ts'
import { type UploadInfo, declaredContentType, declaredFileName } from '../../core/upload.ts'
import type { UploadId } from '../../core/upload-id.ts'
import { selectContent } from '../conditional-request.ts'
import { dispositionOf, safeContentType } from '../content-headers.ts'

export interface DownloadOptions {
  readonly enabled: boolean
  /** Media types that a browser may show instead of saving. */
  readonly inlineTypes: readonly string[]
}

/** A finished upload. */
export interface StoredFile {
  readonly driver: Driver
  readonly key: ObjectKey
  readonly info: UploadInfo
  readonly stat: ObjectStat
}

/** How long a client may read nothing of what it asked for. */
const READER_IDLE_MS = 120_000

/**
 * Finds the object of a finished upload. The upload's lock is not taken: an object is there only when it is whole, and
 * does not change afterwards.
 * @throws TuskerError ERR_UPLOAD_NOT_FOUND; ERR_UPLOAD_INCOMPLETE
 */
export async function findFile(driver: Driver, id: UploadId, signal: AbortSignal): Promise<StoredFile> {
  const { uploads } = driver
  if (uploads === undefined) throw new TuskerError('ERR_UPLOAD_NOT_FOUND')
  const key = uploads.objectKey(id)
  const [info, stat] = await Promise.all([uploads.info(id, { signal }), findStat(driver, key, signal)])
  if (stat === undefined) throw new TuskerError('ERR_UPLOAD_INCOMPLETE', { details: { id } })
  return { driver, key, info, stat }
}

/** Answers GET or HEAD with the file, a part of it, or what its conditions lead to. */
export async function sendFile(
  file: StoredFile,
  options: DownloadOptions,
  { method = 'GET', headers }: IncomingMessage,
  response: Response,
  signal: AbortSignal,
): Promise<void> {
  const { stat } = file
  setFileHeaders(file, options, response)
  // tus 1.0.0: an answer to HEAD must not be cached.
  if (method === 'HEAD') response.set('Cache-Control', 'no-store')
  const selection = selectContent(method, headers, stat)
  switch (selection.kind) {
    case 'precondition-failed':
      return refuse(new TuskerError('ERR_PRECONDITION_FAILED'), response)
    case 'unsatisfiable':
      response.set('Content-Range', `bytes */${stat.sizeBytes}`)
      return refuse(new TuskerError('ERR_RANGE_NOT_SATISFIABLE'), response)
    case 'not-modified':
      return void response.status(304).end()
    case 'part': {
      const { start, end } = selection.range
      response.status(206).set('Content-Range', `bytes ${start}-${end}/${stat.sizeBytes}`)
      return await sendBytes(file, selection.range, response, signal)
    }
    case 'whole':
      return method === 'HEAD'
        ? void response.set('Content-Length', String(stat.sizeBytes)).end()
        : await sendBytes(file, undefined, response, signal)
  }
}

/**
 * A plain HEAD of a finished upload tells what HEAD of tus and of the IETF protocol would, so that any client learns
 * that it is complete.
 */
export function setTusHeaders({ info, stat }: StoredFile, uploadLimit: string, response: Response): void {
  response.set({ 'Upload-Offset': String(stat.sizeBytes), 'Upload-Length': String(stat.sizeBytes) })
  response.set({ 'Upload-Complete': '?1', 'Upload-Limit': uploadLimit })
  if (info.rawMetadata !== undefined) response.set('Upload-Metadata', info.rawMetadata)
  if (info.concat !== undefined) response.set('Upload-Concat', info.concat.raw)
}

function setFileHeaders(
  { info, stat }: StoredFile,
  { inlineTypes }: DownloadOptions,
  response: Response,
): void {
  const contentType = safeContentType(declaredContentType(info.metadata) ?? stat.contentType)
  // setHeader: Express's own `set` would add a charset to text types, of which only the uploader knows.
  response.setHeader('Content-Type', contentType)
  response.set({
    'Content-Disposition': dispositionOf(contentType, declaredFileName(info.metadata), inlineTypes),
    'Accept-Ranges': 'bytes',
    ETag: stat.etag,
    'Last-Modified': stat.modifiedAt.toUTCString(),
    // Kept by the browser only, and asked for again each time: a deleted upload must not be shown from a cache.
    'Cache-Control': 'private, no-cache',
    // The file is somebody's: opened in a tab, it runs nothing and belongs to no origin.
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
  })
}

async function sendBytes(
  { driver, key, stat }: StoredFile,
  range: Required<ByteRange> | undefined,
  response: Response,
  signal: AbortSignal,
): Promise<void> {
  const lengthBytes = range === undefined ? stat.sizeBytes : Number(range.end) - range.start + 1
  const bytes = await driver.read(key, { signal, ...(range && { range }) })
  response.set('Content-Length', String(lengthBytes))
  response.setTimeout(READER_IDLE_MS, () => response.destroy())
  await pipeline(bytes, (source: AsyncIterable<Buffer>) => exactly(lengthBytes, source), response)
}

/**
 * Passes the bytes on as long as they are as many as promised. Others would leave the client waiting, or be taken for
 * the next answer: thrown here, they break the connection instead.
 */
async function* exactly(lengthBytes: number, source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let sentBytes = 0
  for await (const chunk of source) {
    sentBytes += chunk.byteLength
    if (sentBytes > lengthBytes) break
    yield chunk
  }
  if (sentBytes !== lengthBytes) {
    throw new TuskerError('ERR_UPLOAD_DAMAGED', { details: { lengthBytes, sentBytes } })
  }
}

/** The headers that describe the file are not those of the error. */
function refuse(error: TuskerError, response: Response): never {
  for (const name of ['Content-Type', 'Content-Disposition', 'Last-Modified']) response.removeHeader(name)
  throw error
}

async function findStat(
  driver: Driver,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<ObjectStat | undefined> {
  try {
    return await driver.stat(key, { signal })
  } catch (error) {
    if (isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) return undefined
    throw error
  }
}
