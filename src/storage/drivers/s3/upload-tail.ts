import type { CallOptions } from '../../../core/upload-store.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import { TuskerError } from '../../../core/errors.ts'
import type { Payload } from '../../buffers/payload.ts'
import type { S3Bucket } from './bucket.ts'
import { deleteObject, fetchObject, findObject } from './object-calls.ts'
import { putObject } from './payload-calls.ts'

/**
 * The bytes after the last part that are too few for one, kept as objects of their own: `<id>.part`, and if more came
 * before the part was full, the new ones in `<id>.part.1`, `<id>.part.2` …, so that none is sent twice for each request.
 * Every piece says at which offset it starts: one that does not continue the parts and the pieces before it is out of
 * date and ignored. So none has to be deleted before its bytes are stored again (the loss that the stock store has),
 * and a crash between the two steps counts no byte twice.
 */
export interface UploadTail {
  /** Undefined if another server wrote it, which does not mark it (and has one piece). */
  readonly startBytes: number | undefined
  readonly pieceSizesBytes: readonly number[]
  /** When its last piece was stored. */
  readonly storedAtMs: number
}

/** With as many pieces, the next one replaces them all: what is read after a restart stays few requests. */
export const MAX_TAIL_PIECES = 8

export function tailSizeBytes({ pieceSizesBytes }: UploadTail): number {
  return pieceSizesBytes.reduce((sum, size) => sum + size, 0)
}

interface TailPiece {
  readonly sizeBytes: number
  readonly storedAtMs: number
  readonly startBytes: number | undefined
}

async function findPiece(
  bucket: S3Bucket,
  id: UploadId,
  index: number,
  options: CallOptions,
): Promise<TailPiece | undefined> {
  const head = await findObject(bucket, pieceKey(id, index), options)
  if (head === undefined) return undefined
  const start = head.metadata['start']
  return {
    sizeBytes: head.sizeBytes,
    storedAtMs: head.modifiedAt.getTime(),
    startBytes: start === undefined ? undefined : Number(start),
  }
}

function pieceKey(id: UploadId, index: number): string {
  return index === 0 ? `${id}.part` : `${id}.part.${index}`
}

/** The first piece of a tail, in use or out of date: without it there is no other. */
export async function findFirstPiece(
  bucket: S3Bucket,
  id: UploadId,
  options: CallOptions = {},
): Promise<TailPiece | undefined> {
  return await findPiece(bucket, id, 0, options)
}

/** The tail that continues an upload whose parts end at `partsEndBytes`; undefined if what is there is out of date. */
export async function findTail(
  bucket: S3Bucket,
  id: UploadId,
  { first, partsEndBytes }: { readonly first: TailPiece; readonly partsEndBytes: number },
  options: CallOptions = {},
): Promise<UploadTail | undefined> {
  const { startBytes } = first
  let { storedAtMs } = first
  if (startBytes === undefined) return { startBytes, pieceSizesBytes: [first.sizeBytes], storedAtMs }
  if (startBytes !== partsEndBytes) return undefined
  const pieceSizesBytes = [first.sizeBytes]
  for (let endBytes = startBytes + first.sizeBytes; pieceSizesBytes.length < MAX_TAIL_PIECES;) {
    const next = await findPiece(bucket, id, pieceSizesBytes.length, options)
    if (next?.startBytes !== endBytes) break
    pieceSizesBytes.push(next.sizeBytes)
    endBytes += next.sizeBytes
    storedAtMs = next.storedAtMs
  }
  return { startBytes, pieceSizesBytes, storedAtMs }
}

/** @throws TuskerError ERR_UPLOAD_DAMAGED if it is not the tail that was found before */
export async function fetchTail(
  bucket: S3Bucket,
  id: UploadId,
  { pieceSizesBytes }: UploadTail,
  options: CallOptions = {},
): Promise<Buffer> {
  const pieces = await Promise.all(
    pieceSizesBytes.map(async (sizeBytes, index) => {
      const { body } = await fetchObject(bucket, pieceKey(id, index), options)
      if (body.byteLength === sizeBytes) return body
      throw new TuskerError('ERR_UPLOAD_DAMAGED', { details: { key: pieceKey(id, index), sizeBytes } })
    }),
  )
  return Buffer.concat(pieces)
}

/** Replaces or adds a piece. */
export async function putPiece(
  bucket: S3Bucket,
  id: UploadId,
  { index, startBytes, payload }: { index: number; startBytes: number; payload: Payload },
  options: CallOptions = {},
): Promise<void> {
  await putObject(bucket, pieceKey(id, index), payload, {
    ...options,
    metadata: { start: String(startBytes) },
  })
}

/**
 * Deletes the first `count` pieces of a tail that is of no use any more; the first of all last, since it tells that
 * there are others. A failure is no fault of the upload, whose object is there: the next look or sweep tries again.
 */
export async function clearTail(
  bucket: S3Bucket,
  id: UploadId,
  count: number,
  options: CallOptions = {},
): Promise<void> {
  await deleteTail(bucket, id, count, options).catch(() => undefined)
}

export async function deleteTail(
  bucket: S3Bucket,
  id: UploadId,
  count: number,
  options: CallOptions = {},
): Promise<void> {
  const others = Array.from({ length: Math.max(0, count - 1) }, (_, index) => pieceKey(id, index + 1))
  await Promise.all(others.map(async (key) => await deleteObject(bucket, key, options)))
  if (count > 0) await deleteObject(bucket, pieceKey(id, 0), options)
}
