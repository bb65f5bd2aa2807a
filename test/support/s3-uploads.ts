import { type UploadId, createUploadId } from '../../src/core/upload-id.ts'
import type { UploadInfo } from '../../src/core/upload.ts'
import type { S3Options } from '../../src/storage/drivers/s3/options.ts'
import { S3UploadStore } from '../../src/storage/drivers/s3/upload-store.ts'
import { type S3Access, s3Options, testBufferSpace } from './s3-location.ts'

/** Small, so that many of them cost little: the server has to be told so. */
export const SMALL_PART = 64 * 1024

export const BUCKET = 'uploads'

/** As a process has it: what it remembers ends with `store.s3.close()`. */
export function openStore(access: S3Access, overrides: Partial<S3Options> = {}): S3UploadStore {
  const tus = { chunkSizeBytes: SMALL_PART, equalParts: false }
  return new S3UploadStore(s3Options(access, BUCKET, { tus, ...overrides }), testBufferSpace())
}

export function uploadInfo(lengthBytes: number | undefined): UploadInfo {
  const id = createUploadId()
  return { id, lengthBytes, metadata: {}, rawMetadata: undefined, createdAt: new Date() }
}

/** A body in pieces, as a socket gives it. */
export async function* chunks(data: Buffer, sizeBytes = 10_007): AsyncIterable<Uint8Array> {
  for (let start = 0; start < data.byteLength; start += sizeBytes)
    yield data.subarray(start, start + sizeBytes)
}

export interface Sending {
  /** The options of the process that takes each request: it dies after it. */
  readonly processes: readonly Partial<S3Options>[]
  /** At which offset each request but the last ends. */
  readonly cuts: readonly number[]
  /** With the last request, not with the first. */
  readonly declaresLate?: boolean
  /** Called when a process is gone and before the next one comes. */
  readonly between?: (id: UploadId) => void
}

/** Sends an upload in requests that break off, each to a process of its own; the upload. */
export async function sendInSteps(
  access: S3Access,
  data: Buffer,
  { processes, cuts, declaresLate = false, between }: Sending,
): Promise<UploadInfo> {
  const info = uploadInfo(declaresLate ? undefined : data.byteLength)
  for (const [index, options] of processes.entries()) {
    const store = openStore(access, options)
    const upload = index === 0 ? await store.begin(info) : await store.open(info.id)
    const startBytes = index === 0 ? 0 : (cuts[index - 1] ?? 0)
    if (upload.upload.offsetBytes !== startBytes)
      throw new Error(`The upload is at ${upload.upload.offsetBytes}, not ${startBytes}`)
    const isLast = index === processes.length - 1
    await upload.write(chunks(data.subarray(startBytes, isLast ? undefined : cuts[index])))
    if (isLast && declaresLate) await upload.declareLength(data.byteLength)
    store.s3.close()
    if (!isLast) between?.(info.id)
  }
  return info
}
