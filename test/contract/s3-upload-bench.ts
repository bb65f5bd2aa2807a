import { expect } from 'vitest'
import { createUploadId } from '../../src/core/upload-id.ts'
import type { OpenUpload } from '../../src/core/upload-store.ts'
import type { UploadInfo, UploadMetadata } from '../../src/core/upload.ts'
import type { S3Options } from '../../src/storage/drivers/s3/options.ts'
import { S3UploadStore } from '../../src/storage/drivers/s3/upload-store.ts'
import { chunksOf } from '../support/chunks.ts'
import type { FaultyS3, FaultyS3Target } from '../support/faulty-s3.ts'
import { s3Options, testBufferSpace } from '../support/s3-location.ts'

export const MIB = 1024 ** 2
export const PART = 5 * MIB

/** A store of uploads in a bucket of its own, on an S3 server that fails when a test wants it to. */
export class UploadBench {
  readonly s3: FaultyS3
  readonly bucket: string
  readonly store: S3UploadStore
  readonly #removeBucket: () => Promise<void>
  readonly #stores: S3UploadStore[] = []

  private constructor(s3: FaultyS3, bucket: string, removeBucket: () => Promise<void>) {
    this.s3 = s3
    this.bucket = bucket
    this.#removeBucket = removeBucket
    this.store = this.openStore()
  }

  static async open(target: FaultyS3Target): Promise<UploadBench> {
    const s3 = await target.open()
    const { bucket, remove } = await s3.createBucket()
    return new UploadBench(s3, bucket, remove)
  }

  /** Another process, as it were. */
  openStore(options: Partial<S3Options> = {}): S3UploadStore {
    const store = new S3UploadStore(s3Options(this.s3.access, this.bucket, options), testBufferSpace())
    this.#stores.push(store)
    return store
  }

  async begin(lengthBytes: number | undefined, metadata: UploadMetadata = {}): Promise<OpenUpload> {
    return await this.store.begin(uploadInfo(lengthBytes, metadata))
  }

  /** Sends the rest from wherever the store says the upload is, as a client does. */
  async resume({ upload }: OpenUpload, data: Buffer): Promise<OpenUpload> {
    const found = await this.store.open(upload.id)
    await found.write(chunksOf(data.subarray(found.upload.offsetBytes)))
    return found
  }

  async object({ upload }: OpenUpload): Promise<Buffer | undefined> {
    return (await this.s3.object(this.bucket, upload.id))?.body
  }

  async keys(): Promise<string[]> {
    return await this.s3.keys(this.bucket)
  }

  count(operation: string): number {
    return this.s3.requests.filter((request) => request.operation === operation).length
  }

  async expectObject(upload: OpenUpload, data: Buffer): Promise<void> {
    // Not toEqual: it would take minutes to print megabytes that differ.
    expect((await this.object(upload))?.equals(data)).toBe(true)
  }

  async expectNoRemains(): Promise<void> {
    expect(await this.s3.multipartUploads(this.bucket)).toEqual([])
    expect((await this.keys()).filter((key) => key.includes('.part'))).toEqual([])
  }

  async close(): Promise<void> {
    await this.s3.calm()
    for (const { s3 } of this.#stores) s3.close()
    await this.#removeBucket()
    await this.s3.close()
  }
}

export function uploadInfo(lengthBytes: number | undefined, metadata: UploadMetadata = {}): UploadInfo {
  return { id: createUploadId(), lengthBytes, metadata, rawMetadata: undefined, createdAt: new Date() }
}
