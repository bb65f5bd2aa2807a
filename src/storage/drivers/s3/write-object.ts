import type { Readable } from 'node:stream'
import type { WriteOptions } from '../../../core/driver.ts'
import { PartBuffer } from '../../buffers/part-buffer.ts'
import type { S3Bucket } from './bucket.ts'
import {
  type MultipartUpload,
  type StoredPart,
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
} from './multipart-calls.ts'
import { type PartPosition, partSizeAt } from './part-plan.ts'
import { putObject, uploadPart } from './payload-calls.ts'

export interface WriteObjectOptions extends WriteOptions {
  readonly partSizeBytes: number
  readonly equalParts: boolean
}

/**
 * Writes an object of unknown size: one PutObject if it fits in a part, else a multipart upload, one part in memory at
 * a time. If the body fails nothing is left, and the object that was there before still is.
 */
export async function writeObject(
  bucket: S3Bucket,
  key: string,
  body: Readable,
  options: WriteObjectOptions,
): Promise<void> {
  const writer = new ObjectWriter(bucket, key, options)
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) await writer.add(chunk)
    await writer.finish()
  } catch (error) {
    await writer.abort()
    throw error
  } finally {
    await writer.release()
  }
}

class ObjectWriter {
  readonly #bucket: S3Bucket
  readonly #key: string
  readonly #options: WriteObjectOptions
  readonly #stored: StoredPart[] = []
  #multipart: MultipartUpload | undefined
  #position: PartPosition = { partNumber: 1, offsetBytes: 0 }
  #buffer: PartBuffer

  constructor(bucket: S3Bucket, key: string, options: WriteObjectOptions) {
    this.#bucket = bucket
    this.#key = key
    this.#options = options
    this.#buffer = this.#nextBuffer()
  }

  async add(chunk: Uint8Array): Promise<void> {
    let rest = await this.#buffer.add(chunk)
    while (rest.byteLength > 0) {
      await this.#sendPart()
      rest = await this.#buffer.add(rest)
    }
  }

  async finish(): Promise<void> {
    if (this.#multipart === undefined) {
      await putObject(this.#bucket, this.#key, this.#buffer.payload(), this.#options)
      return
    }
    await this.#sendPart()
    await completeMultipartUpload(this.#bucket, this.#multipart, this.#stored, this.#options)
  }

  async abort(): Promise<void> {
    if (this.#multipart) await abortMultipartUpload(this.#bucket, this.#multipart).catch(() => undefined)
  }

  async release(): Promise<void> {
    await this.#buffer.release()
  }

  async #sendPart(): Promise<void> {
    this.#multipart ??= await createMultipartUpload(this.#bucket, this.#key, {
      ...this.#options,
      withChecksums: true,
    })
    const { partNumber, offsetBytes } = this.#position
    const numbered = { partNumber, payload: this.#buffer.payload() }
    this.#stored.push(await uploadPart(this.#bucket, this.#multipart, numbered, this.#options))
    this.#position = { partNumber: partNumber + 1, offsetBytes: offsetBytes + this.#buffer.sizeBytes }
    await this.#buffer.release()
    this.#buffer = this.#nextBuffer()
  }

  #nextBuffer(): PartBuffer {
    const plan = { ...this.#options, lengthBytes: undefined, lengthWasDeferred: true }
    return new PartBuffer(this.#bucket.space, { capacityBytes: partSizeAt(this.#position, plan) })
  }
}
