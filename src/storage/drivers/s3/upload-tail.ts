import type { CallOptions } from '../../../core/upload-store.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import { TuskerError } from '../../../core/errors.ts'
import type { S3Bucket } from './bucket.ts'
import { deleteObject, fetchObject, findObject, putObject } from './object-calls.ts'

/**
 * The bytes after the last part that are too few for one, kept as `<id>.part`. It says at which offset it starts: once
 * parts reach beyond that, it is out of date and ignored, so it never has to be deleted before its bytes are stored
 * again (the loss that the stock store has), and a crash between the two steps counts no byte twice.
 */
export interface UploadTail {
  readonly sizeBytes: number
  /** Undefined if another server wrote it, which does not mark it. */
  readonly startBytes: number | undefined
}

function tailKey(id: UploadId): string {
  return `${id}.part`
}

export async function findTail(
  bucket: S3Bucket,
  id: UploadId,
  options: CallOptions = {},
): Promise<UploadTail | undefined> {
  const head = await findObject(bucket, tailKey(id), options)
  if (head === undefined) return undefined
  const start = head.metadata['start']
  return { sizeBytes: head.sizeBytes, startBytes: start === undefined ? undefined : Number(start) }
}

/** Whether the tail continues an upload whose parts end at `partsEndBytes`. */
export function continues(tail: UploadTail, partsEndBytes: number): boolean {
  return tail.startBytes === undefined || tail.startBytes === partsEndBytes
}

/** @throws TuskerError ERR_UPLOAD_DAMAGED if it is not the tail that was found before */
export async function fetchTail(
  bucket: S3Bucket,
  id: UploadId,
  tail: UploadTail,
  options: CallOptions = {},
): Promise<Buffer> {
  const { body } = await fetchObject(bucket, tailKey(id), options)
  if (body.byteLength !== tail.sizeBytes) {
    throw new TuskerError('ERR_UPLOAD_DAMAGED', { details: { key: tailKey(id), expected: tail.sizeBytes } })
  }
  return body
}

export async function putTail(
  bucket: S3Bucket,
  id: UploadId,
  { body, startBytes }: { readonly body: Buffer; readonly startBytes: number },
  options: CallOptions = {},
): Promise<UploadTail> {
  await putObject(bucket, tailKey(id), body, { ...options, metadata: { start: String(startBytes) } })
  return { sizeBytes: body.byteLength, startBytes }
}

export async function deleteTail(bucket: S3Bucket, id: UploadId, options: CallOptions = {}): Promise<void> {
  await deleteObject(bucket, tailKey(id), options)
}
