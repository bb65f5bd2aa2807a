import type { Readable } from 'node:stream'
import type { WriteOptions } from '../../../core/driver.ts'
import type { S3Bucket } from './bucket.ts'
import {
  type MultipartUpload,
  type StoredPart,
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  uploadPart,
} from './multipart-calls.ts'
import { putObject } from './object-calls.ts'
import { PartBuffer } from './part-buffer.ts'
import { type PartPosition, partSizeAt } from './part-plan.ts'

/**
 * Writes an object of unknown size: one PutObject if it fits in a part, else a multipart upload, one part in memory at
 * a time. If the body fails nothing is left, and the object that was there before still is.
 */
export async function writeObject(
  bucket: S3Bucket,
  key: string,
  body: Readable,
  { partSizeBytes, ...options }: WriteOptions & { readonly partSizeBytes: number },
): Promise<void> {
  const parts = partsOf(body, partSizeBytes)[Symbol.asyncIterator]()
  const first = await parts.next()
  const second = first.done === true ? first : await parts.next()
  if (first.done === true || second.done === true) {
    await putObject(bucket, key, first.done === true ? Buffer.alloc(0) : first.value, options)
    return
  }
  const multipart = await createMultipartUpload(bucket, key, options)
  await writeInParts(bucket, multipart, chain([first.value, second.value], parts), options)
}

async function writeInParts(
  bucket: S3Bucket,
  multipart: MultipartUpload,
  parts: AsyncIterable<Buffer>,
  options: WriteOptions,
): Promise<void> {
  const stored: StoredPart[] = []
  try {
    for await (const part of parts) {
      const numbered = { partNumber: stored.length + 1, body: part }
      stored.push(await uploadPart(bucket, multipart, numbered, options))
    }
    await completeMultipartUpload(bucket, multipart, stored, options)
  } catch (error) {
    await abortMultipartUpload(bucket, multipart).catch(() => undefined)
    throw error
  }
}

async function* partsOf(body: Readable, partSizeBytes: number): AsyncIterable<Buffer> {
  const plan = { partSizeBytes, lengthBytes: undefined, lengthWasDeferred: true }
  let position: PartPosition = { partNumber: 1, offsetBytes: 0 }
  let buffer = new PartBuffer(partSizeAt(position, plan))
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    let rest = buffer.add(chunk)
    while (rest.byteLength > 0) {
      yield buffer.toBuffer()
      position = { partNumber: position.partNumber + 1, offsetBytes: position.offsetBytes + buffer.sizeBytes }
      buffer = new PartBuffer(partSizeAt(position, plan))
      rest = buffer.add(rest)
    }
  }
  if (buffer.sizeBytes > 0) yield buffer.toBuffer()
}

async function* chain(first: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  yield* first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}
