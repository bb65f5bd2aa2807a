import type { Readable } from 'node:stream'
import type { Driver, ObjectEntry, ObjectStat, ReadOptions, WriteOptions } from '../../../core/driver.ts'
import { type ObjectKey, findObjectKey } from '../../../core/object-key.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { BufferSpace } from '../../buffers/part-buffer.ts'
import type { S3Bucket } from './bucket.ts'
import { AWS_COPY_LIMITS, type CopyLimits, copyObject } from './copy-object.ts'
import { deleteObject, findObject, headBucket, headObject, listObjects, readObject } from './object-calls.ts'
import type { S3Options } from './options.ts'
import { putObject } from './payload-calls.ts'
import { S3UploadStore } from './upload-store.ts'
import { writeObject } from './write-object.ts'

/** Opens an S3 location; nothing is asked of the store before the first call. */
export function openDriver(options: S3Options, space: BufferSpace): Promise<Driver> {
  return Promise.resolve(new S3Driver(options, space))
}

/** A bucket, or what lies below a root in it, as a location. */
export class S3Driver implements Driver {
  readonly uploads: S3UploadStore
  readonly #bucket: S3Bucket
  readonly #parts: { readonly partSizeBytes: number; readonly equalParts: boolean }
  readonly #copyLimits: CopyLimits

  constructor(options: S3Options, space: BufferSpace, copyLimits: CopyLimits = AWS_COPY_LIMITS) {
    this.uploads = new S3UploadStore(options, space)
    this.#bucket = this.uploads.s3
    this.#parts = { partSizeBytes: options.tus.chunkSizeBytes, equalParts: options.tus.equalParts }
    this.#copyLimits = copyLimits
  }

  async read(key: ObjectKey, options: ReadOptions = {}): Promise<Readable> {
    return await readObject(this.#bucket, key, options)
  }

  async write(key: ObjectKey, body: Readable | Buffer, options: WriteOptions = {}): Promise<void> {
    if (Buffer.isBuffer(body)) await putObject(this.#bucket, key, body, options)
    else await writeObject(this.#bucket, key, body, { ...options, ...this.#parts })
  }

  async stat(key: ObjectKey, options: CallOptions = {}): Promise<ObjectStat> {
    const { sizeBytes, modifiedAt, etag, contentType } = await headObject(this.#bucket, key, options)
    return { sizeBytes, modifiedAt, etag, contentType }
  }

  async exists(key: ObjectKey, options: CallOptions = {}): Promise<boolean> {
    return (await findObject(this.#bucket, key, options)) !== undefined
  }

  async delete(key: ObjectKey, options: CallOptions = {}): Promise<void> {
    await deleteObject(this.#bucket, key, options)
  }

  async copy(from: ObjectKey, to: ObjectKey, options: CallOptions = {}): Promise<void> {
    await copyObject(this.#bucket, { from, to }, this.#copyLimits, options)
  }

  async move(from: ObjectKey, to: ObjectKey, options: CallOptions = {}): Promise<void> {
    if (from === to) return
    await this.copy(from, to, options)
    await this.delete(from, options)
  }

  async *list(prefix = '', options: CallOptions = {}): AsyncIterable<ObjectEntry> {
    for await (const { key, ...entry } of listObjects(this.#bucket, prefix, options)) {
      // Others write keys that we never would, such as the "folder/" objects of the AWS console.
      const ownKey = findObjectKey(key)
      if (ownKey !== undefined) yield { key: ownKey, ...entry }
    }
  }

  async ping(options: CallOptions = {}): Promise<void> {
    await headBucket(this.#bucket, options)
  }

  close(): Promise<void> {
    this.#bucket.close()
    return Promise.resolve()
  }
}
