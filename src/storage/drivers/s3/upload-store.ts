import type { Readable } from 'node:stream'
import { S3Store } from '@tus/s3-store'
import { Upload as TusUpload } from '@tus/utils'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import { type ObjectKey, parseObjectKey } from '../../../core/object-key.ts'
import { type UploadId, parseUploadId } from '../../../core/upload-id.ts'
import type {
  BeginOptions,
  CallOptions,
  Concatenation,
  OpenOptions,
  OpenUpload,
  StoredUpload,
  TusExtension,
  UploadStore,
} from '../../../core/upload-store.ts'
import { type Upload, type UploadInfo, isFinal, isPartial } from '../../../core/upload.ts'
import type { BufferSpace } from '../../buffers/part-buffer.ts'
import { S3Bucket } from './bucket.ts'
import { clientConfig, createAgents } from './client.ts'
import { S3Concatenation } from './concatenation.ts'
import { listUploads } from './list-uploads.ts'
import { abortMultipartUpload } from './multipart-calls.ts'
import { readObject } from './object-calls.ts'
import { S3OpenUpload } from './open-upload.ts'
import type { S3Options } from './options.ts'
import { MAX_PARTS, MAX_UPLOAD_BYTES, MIN_PART_BYTES } from './part-plan.ts'
import { RememberedUploads } from './remembered-uploads.ts'
import { removeUpload } from './remove-upload.ts'
import { recordUpload } from './start-multipart.ts'
import { COMPLETE, NO_PROGRESS, type UploadProgress, findProgress } from './upload-progress.ts'
import { deleteMarks, putMark } from './upload-marks.ts'
import { type FoundRecord, type UploadRecord, findRecord, recordOf } from './upload-record.ts'
import type { UploadContext, UploadState } from './upload-state.ts'
import { clearTail } from './upload-tail.ts'

const MAX_CONCURRENT_PART_UPLOADS = 60

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
    'checksum',
    'concatenation',
    'concatenation-unfinished',
  ]
  readonly s3: S3Bucket
  readonly concatenation: Concatenation
  readonly #context: UploadContext

  constructor(options: S3Options, space: BufferSpace) {
    const agents = createAgents(options)
    super({
      partSize: options.tus.chunkSizeBytes,
      minPartSize: MIN_PART_BYTES,
      maxMultipartParts: MAX_PARTS,
      maxConcurrentPartUploads: MAX_CONCURRENT_PART_UPLOADS,
      useTags: false,
      s3ClientConfig: { bucket: options.bucket, ...clientConfig(options, agents) },
    })
    this.s3 = new S3Bucket({ client: this.client, agents, space }, options)
    this.concatenation = new S3Concatenation(this.s3)
    this.#context = {
      bucket: this.s3,
      partSizeBytes: this.preferredPartSize,
      equalParts: options.tus.equalParts,
      remembered: new RememberedUploads(space.memory),
      acquirePartSlot: async () => {
        const permit = await this.partUploadSemaphore.acquire()
        return () => void permit.release()
      },
    }
  }

  async begin(info: UploadInfo, { bodyFollows = false, ...options }: BeginOptions = {}): Promise<OpenUpload> {
    const { lengthBytes } = info
    if (lengthBytes !== undefined && lengthBytes > MAX_UPLOAD_BYTES)
      throw new TuskerError('ERR_MAX_SIZE_EXCEEDED')
    // Before the record: a partial upload without its mark would be kept for ever, once it is finished.
    if (isPartial(info)) await putMark(this.s3, info.id, 'partial', options)
    const state: UploadState = { record: recordOf(info), isRecorded: false, progress: NO_PROGRESS }
    if (lengthBytes === 0) {
      const begun = new S3OpenUpload(this.#context, state)
      await begun.finishIfStored(options)
      return begun
    }
    const begun = bodyFollows ? state : await recordUpload(this.#context, state, options)
    if (begun.isRecorded && !isFinal(info)) this.#context.remembered.keep(begun)
    return new S3OpenUpload(this.#context, begun)
  }

  async open(id: UploadId, { isContinued = false, ...options }: OpenOptions = {}): Promise<S3OpenUpload> {
    const { remembered } = this.#context
    if (!isContinued) remembered.forget(id)
    const known = remembered.get(id)
    if (known) return new S3OpenUpload(this.#context, known)
    const found = new S3OpenUpload(this.#context, await this.#find(id, options))
    await found.finishIfStored(options)
    return found
  }

  async #find(id: UploadId, options: CallOptions): Promise<UploadState> {
    const { record, isInObject } = await findRecord(this.s3, id, options)
    if (isInObject) return { record, isRecorded: true, progress: COMPLETE }
    const progress = await findProgress(this.s3, record, options)
    if (!progress.isComplete) return { record, isRecorded: true, progress }
    await this.#clearRemains(record, progress, options)
    const lengthBytes = record.info.lengthBytes ?? progress.objectBytes
    return {
      record: { ...record, info: { ...record.info, lengthBytes } },
      isRecorded: true,
      progress: { ...COMPLETE, storedAtMs: progress.storedAtMs },
    }
  }

  /** What a process left that died between making the object and this; if it can't be cleared, the next one tries. */
  async #clearRemains(
    { info, multipartId }: UploadRecord,
    { tailObjects, isMultipartOpen = false }: UploadProgress,
    options: CallOptions,
  ): Promise<void> {
    await clearTail(this.s3, info.id, tailObjects, options)
    if (multipartId === undefined || !isMultipartOpen) return
    await abortMultipartUpload(this.s3, { key: info.id, uploadId: multipartId }, options).catch(
      () => undefined,
    )
  }

  async info(id: UploadId, options: CallOptions = {}): Promise<UploadInfo> {
    return (await findRecord(this.s3, id, options)).record.info
  }

  override async remove(id: string, options: CallOptions = {}): Promise<void> {
    this.#context.remembered.forget(knownId(id))
    const { record } = await this.#findToRemove(knownId(id), options)
    await removeUpload(this.s3, record, options)
  }

  /** Marks without a record are all that is left of an upload that was never recorded. */
  async #findToRemove(id: UploadId, options: CallOptions): Promise<FoundRecord> {
    try {
      return await findRecord(this.s3, id, options)
    } catch (error) {
      if (isTuskerError(error, 'ERR_UPLOAD_NOT_FOUND')) await deleteMarks(this.s3, id, undefined, options)
      throw error
    }
  }

  list(options: CallOptions = {}): AsyncIterable<StoredUpload> {
    return listUploads(this.s3, options)
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
