import { opendir } from 'node:fs/promises'
import { TuskerError } from '../../../core/errors.ts'
import { type ObjectKey, parseObjectKey } from '../../../core/object-key.ts'
import { type UploadId, parseUploadId } from '../../../core/upload-id.ts'
import type {
  CallOptions,
  Concatenation,
  OpenUpload,
  StoredUpload,
  TusExtension,
  UploadStore,
} from '../../../core/upload-store.ts'
import { type UploadInfo, isPartial } from '../../../core/upload.ts'
import { LocalConcatenation, writeMark } from './concatenation.ts'
import { withFile } from './durable-file.ts'
import { requireDirectory, toStorageError, translated } from './errors.ts'
import { LocalOpenUpload } from './open-upload.ts'
import { type UploadFiles, findFile, findStoredBytes, removeFiles, uploadFiles } from './upload-files.ts'
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
    'checksum',
    'concatenation',
    'concatenation-unfinished',
  ]
  readonly concatenation: Concatenation
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    this.concatenation = new LocalConcatenation(directory)
  }

  async begin(info: UploadInfo): Promise<OpenUpload> {
    const files = uploadFiles(this.#directory, info.id)
    await translated(this.#directory, async () => {
      await createPart(files, info.id)
      try {
        if (isPartial(info)) await writeMark(files, 'partial')
        await writeRecord(files.record, info)
      } catch (error) {
        // What comes first is the fault to tell of; an empty file without a record is no upload.
        await removeFiles(files).catch(() => undefined)
        throw error
      }
    })
    return await this.open(info.id)
  }

  async open(id: UploadId): Promise<LocalOpenUpload> {
    const files = uploadFiles(this.#directory, id)
    const info = await readRecord(files.record, id)
    const stored = await translated(this.#directory, () => findStoredBytes(files, info))
    const opened = new LocalOpenUpload(files, info, stored)
    await opened.finishIfStored()
    return opened
  }

  async info(id: UploadId): Promise<UploadInfo> {
    return await readRecord(uploadFiles(this.#directory, id).record, id)
  }

  async remove(id: UploadId): Promise<void> {
    const files = uploadFiles(this.#directory, id)
    if ((await findFile(files.record)) === undefined) {
      await requireDirectory(this.#directory)
      throw new TuskerError('ERR_UPLOAD_NOT_FOUND')
    }
    await translated(this.#directory, () => removeFiles(files))
  }

  async *list({ signal }: CallOptions = {}): AsyncIterable<StoredUpload> {
    await requireDirectory(this.#directory)
    for await (const name of namesIn(this.#directory)) {
      signal?.throwIfAborted()
      const id = parseUploadId(RECORD_NAME.exec(name)?.[1] ?? '')
      const listed = id && (await this.#listed(id))
      if (listed) yield listed
    }
  }

  /** Undefined if it was removed while the directory was read. */
  async #listed(id: UploadId): Promise<StoredUpload | undefined> {
    const { record, object, marks } = uploadFiles(this.#directory, id)
    const found = await findFile(record)
    if (found === undefined) return undefined
    const finished = await findFile(object)
    const isPartial = (await findFile(marks.partial)) !== undefined
    const usedAt = isPartial ? (await findFile(marks.used))?.modifiedAt : undefined
    const isPending = !isPartial && (await findFile(marks.pending)) !== undefined
    return {
      id,
      recordedAt: found.modifiedAt,
      isComplete: finished !== undefined,
      ...(isPartial && { partial: { finishedAt: finished?.modifiedAt, usedAt } }),
      ...(isPending && { isPending }),
    }
  }

  objectKey(id: UploadId): ObjectKey {
    return parseObjectKey(id)
  }
}

/** The record's writer flushes the directory, and this file's name with it. */
async function createPart({ object, part, record }: UploadFiles, id: UploadId): Promise<void> {
  // An id that is in use must never lose its bytes: a finished upload has no part, so 'x' does not see it.
  if ((await findFile(object)) ?? (await findFile(record))) {
    throw new TuskerError('ERR_STORAGE_REJECTED', { details: { id, reason: 'the id is in use' } })
  }
  await withFile(part, 'wx', (file) => file.sync())
}

async function* namesIn(directory: string): AsyncIterable<string> {
  try {
    for await (const { name } of await opendir(directory)) yield name
  } catch (error) {
    throw toStorageError(error)
  }
}
