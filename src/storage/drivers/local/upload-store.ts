import { constants } from 'node:fs'
import { opendir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TuskerError } from '../../../core/errors.ts'
import { type ObjectKey, parseObjectKey } from '../../../core/object-key.ts'
import { type UploadId, parseUploadId } from '../../../core/upload-id.ts'
import type {
  CallOptions,
  OpenUpload,
  StoredUpload,
  TusExtension,
  UploadBody,
  UploadStore,
} from '../../../core/upload-store.ts'
import type { Upload, UploadInfo } from '../../../core/upload.ts'
import { appendBody } from './append-body.ts'
import { syncDirectory, withFile } from './durable-file.ts'
import { errnoOf, toStorageError, translated } from './errors.ts'
import { readRecord, writeRecord } from './upload-record.ts'

const RECORD_NAME = /^([0-9a-f]{32})\.info$/

/**
 * Resumable uploads in a directory: `<id>.info` says what is known of an upload, `<id>.part` has its bytes, and is
 * renamed to `<id>` when it is whole. The size of the file is the offset: there is no counter that could disagree.
 */
export class LocalUploadStore implements UploadStore {
  readonly extensions: readonly TusExtension[] = [
    'creation',
    'creation-with-upload',
    'creation-defer-length',
    'termination',
    'expiration',
  ]
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async begin(info: UploadInfo): Promise<OpenUpload> {
    const paths = this.#paths(info.id)
    await translated(async () => {
      // Exclusive: an id that is in use must never lose its bytes.
      await withFile(paths.part, 'wx', (file) => file.sync())
      await writeRecord(paths.record, info)
    })
    return await this.open(info.id)
  }

  async open(id: UploadId): Promise<LocalOpenUpload> {
    const paths = this.#paths(id)
    const info = await readRecord(paths.record, id)
    const opened = new LocalOpenUpload(paths, info, await this.#storedBytes(paths, info))
    await opened.finishIfStored()
    return opened
  }

  async info(id: UploadId): Promise<UploadInfo> {
    return await readRecord(this.#paths(id).record, id)
  }

  async remove(id: UploadId): Promise<void> {
    const paths = this.#paths(id)
    if ((await sizeOf(paths.record)) === undefined) throw new TuskerError('ERR_UPLOAD_NOT_FOUND')
    await translated(async () => {
      await Promise.all([rm(paths.object, { force: true }), rm(paths.part, { force: true })])
      // Last: as long as the record is there, a removal that broke off can be repeated.
      await rm(paths.record, { force: true })
      await syncDirectory(this.#directory)
    })
  }

  async *list(options: CallOptions = {}): AsyncIterable<StoredUpload> {
    for await (const entry of await translated(() => opendir(this.#directory))) {
      options.signal?.throwIfAborted()
      const id = parseUploadId(RECORD_NAME.exec(entry.name)?.[1] ?? '')
      const found = id && (await findStat(this.#paths(id).record))
      if (id !== undefined && found) yield { id, recordedAt: found.mtime }
    }
  }

  objectKey(id: UploadId): ObjectKey {
    return parseObjectKey(id)
  }

  #paths(id: UploadId): UploadPaths {
    const object = join(this.#directory, id)
    return { directory: this.#directory, object, part: `${object}.part`, record: `${object}.info` }
  }

  async #storedBytes(paths: UploadPaths, { id }: UploadInfo): Promise<Stored> {
    const objectBytes = await sizeOf(paths.object)
    if (objectBytes !== undefined) return { isComplete: true, bytes: objectBytes }
    const partBytes = await sizeOf(paths.part)
    if (partBytes === undefined) throw new TuskerError('ERR_UPLOAD_GONE', { details: { id } })
    return { isComplete: false, bytes: partBytes }
  }
}

interface UploadPaths {
  readonly directory: string
  readonly object: string
  readonly part: string
  readonly record: string
}

interface Stored {
  readonly isComplete: boolean
  readonly bytes: number
}

/** One upload in a directory, for as long as the caller holds its lock. */
class LocalOpenUpload implements OpenUpload {
  readonly #paths: UploadPaths
  #info: UploadInfo
  #stored: Stored

  constructor(paths: UploadPaths, info: UploadInfo, stored: Stored) {
    this.#paths = paths
    this.#info = info
    this.#stored = stored
  }

  get upload(): Upload {
    return { ...this.#info, offsetBytes: this.#stored.bytes }
  }

  async write(body: UploadBody, { signal }: CallOptions = {}): Promise<Upload> {
    const { lengthBytes = Number.MAX_SAFE_INTEGER, offsetBytes } = this.upload
    const room = { offsetBytes, limitBytes: lengthBytes - offsetBytes, signal }
    const { storedBytes, hasSurplus } = await translated(() =>
      withFile(this.#currentPath(), constants.O_RDWR, (file) => appendBody(file, body, room)),
    )
    this.#stored = { ...this.#stored, bytes: offsetBytes + storedBytes }
    await this.finishIfStored()
    if (hasSurplus) throw new TuskerError('ERR_UPLOAD_SIZE_EXCEEDED')
    return this.upload
  }

  async declareLength(lengthBytes: number): Promise<Upload> {
    const { lengthBytes: known, offsetBytes } = this.upload
    if (known !== undefined) {
      throw new TuskerError('ERR_INVALID_LENGTH', {
        message: 'Upload-Length is set already and cannot be changed',
      })
    }
    if (lengthBytes < offsetBytes) {
      throw new TuskerError('ERR_INVALID_LENGTH', {
        message: `Upload-Length is less than the ${offsetBytes} bytes that are stored`,
      })
    }
    const declared = { ...this.#info, lengthBytes }
    await translated(() => writeRecord(this.#paths.record, declared))
    this.#info = declared
    await this.finishIfStored()
    return this.upload
  }

  /** Makes the object if all bytes are there: also after a crash between the last byte and the renaming. */
  async finishIfStored(): Promise<void> {
    const { isComplete, bytes } = this.#stored
    if (isComplete || bytes !== this.#info.lengthBytes) return
    await translated(async () => {
      await withFile(this.#paths.part, 'r', (file) => file.sync())
      await rename(this.#paths.part, this.#paths.object)
      await syncDirectory(this.#paths.directory)
    })
    this.#stored = { isComplete: true, bytes }
  }

  #currentPath(): string {
    return this.#stored.isComplete ? this.#paths.object : this.#paths.part
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await findStat(path))?.size
}

async function findStat(path: string): Promise<{ readonly size: number; readonly mtime: Date } | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw toStorageError(error)
  }
}
