import type { Readable } from 'node:stream'
import { S3Store } from '@tus/s3-store'
import { Upload as TusUpload } from '@tus/utils'
import { TuskerError } from '../../../core/errors.ts'
import { type ObjectKey, parseObjectKey } from '../../../core/object-key.ts'
import { type UploadId, parseUploadId } from '../../../core/upload-id.ts'
import type {
  CallOptions,
  OpenUpload,
  StoredUpload,
  TusExtension,
  UploadStore,
} from '../../../core/upload-store.ts'
import type { Upload, UploadInfo } from '../../../core/upload.ts'
import { S3Bucket } from './bucket.ts'
import { clientConfig } from './client.ts'
import { listObjects, readObject } from './object-calls.ts'
import { S3OpenUpload } from './open-upload.ts'
import type { S3Options } from './options.ts'
import { MAX_PARTS, MAX_UPLOAD_BYTES, MIN_PART_BYTES, partSizeAt } from './part-plan.ts'
import { removeUpload } from './remove-upload.ts'
import { startMultipart } from './start-multipart.ts'
import { NO_PROGRESS, findProgress } from './upload-progress.ts'
import { type UploadRecord, readRecord, writeRecord } from './upload-record.ts'
import type { UploadContext } from './upload-state.ts'

const MAX_CONCURRENT_PART_UPLOADS = 60

const RECORD_KEY = /^([0-9a-f]{32})\.info$/

/**
 * Resumable uploads in an S3 bucket. S3Store of @tus/s3-store gives the client, the slots for parts in flight and the
 * layout (`<id>`, `<id>.info`, `<id>.part`); its way of writing, listing, completing and removing is replaced whole,
 * since it corrupts or loses uploads when a request fails. The DataStore methods are the same uploads in the words of
 * @tus/utils: each takes its caller to hold the upload's lock.
 */
export class S3UploadStore extends S3Store implements UploadStore {
  override extensions: TusExtension[] = [
    'creation',
    'creation-with-upload',
    'creation-defer-length',
    'termination',
    'expiration',
  ]
  readonly s3: S3Bucket
  readonly #context: UploadContext

  constructor(options: S3Options) {
    super({
      partSize: options.tus.chunkSizeBytes,
      minPartSize: MIN_PART_BYTES,
      maxMultipartParts: MAX_PARTS,
      maxConcurrentPartUploads: MAX_CONCURRENT_PART_UPLOADS,
      useTags: false,
      s3ClientConfig: { bucket: options.bucket, ...clientConfig(options) },
    })
    this.s3 = new S3Bucket(this.client, options)
    this.#context = {
      bucket: this.s3,
      partSizeBytes: this.preferredPartSize,
      acquirePartSlot: async () => {
        const permit = await this.partUploadSemaphore.acquire()
        return () => void permit.release()
      },
    }
  }

  async begin(info: UploadInfo, options: CallOptions = {}): Promise<OpenUpload> {
    const { lengthBytes } = info
    if (lengthBytes !== undefined && lengthBytes > MAX_UPLOAD_BYTES)
      throw new TuskerError('ERR_MAX_SIZE_EXCEEDED')
    const record = { info, multipartId: undefined, lengthWasDeferred: lengthBytes === undefined }
    const begun = new S3OpenUpload(this.#context, {
      record: await this.#writeFirstRecord(record, options),
      progress: NO_PROGRESS,
    })
    if (lengthBytes === 0) await begun.finishIfStored(options)
    return begun
  }

  /** What is known to need more than one part gets its multipart upload at once: one record written, not two. */
  async #writeFirstRecord(record: UploadRecord, options: CallOptions): Promise<UploadRecord> {
    const { lengthBytes = 0 } = record.info
    const firstPart = { partNumber: 1, offsetBytes: 0 }
    const partSizeBytes = partSizeAt(firstPart, {
      ...record,
      lengthBytes,
      partSizeBytes: this.preferredPartSize,
    })
    if (lengthBytes > partSizeBytes) return await startMultipart(this.s3, record, options)
    await writeRecord(this.s3, record, options)
    return record
  }

  async open(id: UploadId, options: CallOptions = {}): Promise<S3OpenUpload> {
    const record = await readRecord(this.s3, id, options)
    const progress = await findProgress(this.s3, record, options)
    const found = new S3OpenUpload(this.#context, { record, progress })
    await found.finishIfStored(options)
    return found
  }

  async info(id: UploadId, options: CallOptions = {}): Promise<UploadInfo> {
    return (await readRecord(this.s3, id, options)).info
  }

  override async remove(id: string, options: CallOptions = {}): Promise<void> {
    await removeUpload(this.s3, await readRecord(this.s3, knownId(id), options), options)
  }

  async *list(options: CallOptions = {}): AsyncIterable<StoredUpload> {
    for await (const { key, modifiedAt } of listObjects(this.s3, '', options)) {
      const id = parseUploadId(RECORD_KEY.exec(key)?.[1] ?? '')
      if (id !== undefined) yield { id, recordedAt: modifiedAt }
    }
  }

  objectKey(id: UploadId): ObjectKey {
    return parseObjectKey(id)
  }

  override async create(upload: TusUpload): Promise<TusUpload> {
    const { upload: begun } = await this.begin({
      id: knownId(upload.id),
      lengthBytes: upload.size,
      metadata: upload.metadata ?? {},
      rawMetadata: undefined,
      createdAt: new Date(upload.creation_date ?? Date.now()),
    })
    return toTusUpload(begun)
  }

  override async write(body: Readable, id: string, offset: number): Promise<number> {
    const found = await this.open(knownId(id))
    if (found.upload.offsetBytes !== offset) throw new TuskerError('ERR_OFFSET_MISMATCH')
    return (await found.write(body)).offsetBytes
  }

  override async getUpload(id: string): Promise<TusUpload> {
    return toTusUpload((await this.open(knownId(id))).upload)
  }

  override async declareUploadLength(id: string, lengthBytes: number): Promise<void> {
    await (await this.open(knownId(id))).declareLength(lengthBytes)
  }

  override async read(id: string): Promise<Readable> {
    return await readObject(this.s3, knownId(id))
  }

  /** Sweeping needs each upload's lock: src/lifecycle does it, through list() and open(). */
  override deleteExpired(): Promise<number> {
    return Promise.reject(
      new TuskerError('ERR_UNSUPPORTED_EXTENSION', { details: { method: 'deleteExpired' } }),
    )
  }
}

function knownId(text: string): UploadId {
  const id = parseUploadId(text)
  if (id === undefined) throw new TuskerError('ERR_UPLOAD_NOT_FOUND')
  return id
}

function toTusUpload(upload: Upload): TusUpload {
  return new TusUpload({
    id: upload.id,
    offset: upload.offsetBytes,
    metadata: { ...upload.metadata },
    creation_date: upload.createdAt.toISOString(),
    ...(upload.lengthBytes !== undefined && { size: upload.lengthBytes }),
  })
}
