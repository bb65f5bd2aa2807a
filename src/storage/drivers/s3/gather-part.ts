import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import { PartBuffer } from '../../buffers/part-buffer.ts'
import type { S3Bucket } from './bucket.ts'
import { fetchRange } from './object-calls.ts'
import { withRetries } from './retry.ts'

/** Bytes of an object, to be fetched. */
export interface ObjectSlice {
  readonly key: string
  readonly startBytes: number
  readonly sizeBytes: number
}

/**
 * Fetches slices of objects into memory, one after the other: to be released by the caller. An answer that breaks off
 * is asked for again.
 * @throws TuskerError ERR_OBJECT_NOT_FOUND
 */
export async function gatherPart(
  bucket: S3Bucket,
  slices: readonly ObjectSlice[],
  { signal = new AbortController().signal }: CallOptions,
): Promise<PartBuffer> {
  return await withRetries(async () => await gatherOnce(bucket, slices, { signal }), {
    signal,
    isWorthRetrying: (error) => isTuskerError(error, 'ERR_STORAGE_UNAVAILABLE'),
  })
}

async function gatherOnce(
  bucket: S3Bucket,
  slices: readonly ObjectSlice[],
  options: CallOptions,
): Promise<PartBuffer> {
  const capacityBytes = slices.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const buffer = new PartBuffer(bucket.space, { capacityBytes })
  try {
    for (const slice of slices) await fetchSlice(bucket, slice, buffer, options)
    return buffer
  } catch (error) {
    await buffer.release()
    throw error
  }
}

async function fetchSlice(
  bucket: S3Bucket,
  { key, startBytes, sizeBytes }: ObjectSlice,
  buffer: PartBuffer,
  options: CallOptions,
): Promise<void> {
  const endBytes = buffer.sizeBytes + sizeBytes
  const range = { start: startBytes, end: startBytes + sizeBytes - 1 }
  await fetchRange(bucket, key, range, async (chunk) => void (await buffer.add(chunk)), options)
  if (buffer.sizeBytes !== endBytes) {
    throw new TuskerError('ERR_STORAGE_UNAVAILABLE', {
      details: { key, reason: 'not the range that was asked for' },
    })
  }
}
