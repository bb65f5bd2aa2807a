import type { Dirent, Stats } from 'node:fs'
import { access, constants, mkdir, open, opendir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import type { Driver, ObjectEntry, ObjectStat, ReadOptions, WriteOptions } from '../../../core/driver.ts'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import { type ObjectKey, findObjectKey } from '../../../core/object-key.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import { isTemporary, renameDurably, syncDirectory, writeDurably } from './durable-file.ts'
import { errnoOf, toStorageError, translated } from './errors.ts'
import type { LocalOptions } from './options.ts'
import { LocalUploadStore } from './upload-store.ts'

/** Opens a directory as a location, and makes it if it is not there. @throws Error that names the directory */
export async function openDriver(options: LocalOptions): Promise<Driver> {
  const root = resolve(options.root)
  try {
    await mkdir(root, { recursive: true })
    await access(root, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const reason = errnoOf(error) ?? 'unknown'
    throw new Error(`The directory ${root} can't be used for files (${reason})`, { cause: error })
  }
  return new LocalDriver(root)
}

/** A directory as a location: each object is a file. */
class LocalDriver implements Driver {
  readonly uploads: LocalUploadStore
  readonly #root: string

  constructor(root: string) {
    this.#root = root
    this.uploads = new LocalUploadStore(root)
  }

  async read(key: ObjectKey, { range, signal }: ReadOptions = {}): Promise<Readable> {
    return await translated(async () => {
      const file = await open(this.#path(key), 'r')
      const stats = await file.stat()
      const isRangeThere = range === undefined || range.start < stats.size
      if (!stats.isFile() || !isRangeThere) {
        await file.close()
        throw new TuskerError(isRangeThere ? 'ERR_OBJECT_NOT_FOUND' : 'ERR_RANGE_NOT_SATISFIABLE')
      }
      return file.createReadStream({
        ...(range && { start: range.start }),
        ...(range?.end !== undefined && { end: range.end }),
        signal,
      })
    })
  }

  async write(key: ObjectKey, body: Readable | Buffer, { signal }: WriteOptions = {}): Promise<void> {
    const path = this.#path(key)
    await translated(async () => {
      await mkdir(dirname(path), { recursive: true })
      await writeDurably(path, async (file) => await writeFile(file, body, { signal }))
    })
  }

  async stat(key: ObjectKey): Promise<ObjectStat> {
    const stats = await translated(() => stat(this.#path(key)))
    if (!stats.isFile()) throw new TuskerError('ERR_OBJECT_NOT_FOUND')
    return { sizeBytes: stats.size, modifiedAt: stats.mtime, etag: etagOf(stats), contentType: undefined }
  }

  async exists(key: ObjectKey): Promise<boolean> {
    try {
      await this.stat(key)
      return true
    } catch (error) {
      if (isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) return false
      throw error
    }
  }

  async delete(key: ObjectKey): Promise<void> {
    const path = this.#path(key)
    try {
      await rm(path)
      await syncDirectory(dirname(path))
    } catch (error) {
      const known = toStorageError(error)
      if (!isTuskerError(known, 'ERR_OBJECT_NOT_FOUND')) throw known
    }
  }

  async copy(from: ObjectKey, to: ObjectKey, options: CallOptions = {}): Promise<void> {
    if (from === to) return void (await this.stat(from))
    await this.write(to, await this.read(from, options), options)
  }

  async move(from: ObjectKey, to: ObjectKey): Promise<void> {
    await this.stat(from)
    const target = this.#path(to)
    await translated(async () => {
      await mkdir(dirname(target), { recursive: true })
      await renameDurably(this.#path(from), target)
    })
  }

  async *list(prefix = '', { signal }: CallOptions = {}): AsyncIterable<ObjectEntry> {
    for await (const key of this.#walk('')) {
      signal?.throwIfAborted()
      if (!key.startsWith(prefix)) continue
      // One that was deleted while we walked is not there any more: nothing to tell.
      const found = await this.stat(key).catch(() => undefined)
      if (found) yield { key, sizeBytes: found.sizeBytes, modifiedAt: found.modifiedAt }
    }
  }

  async *#walk(directory: string): AsyncIterable<ObjectKey> {
    for (const entry of await this.#entries(directory)) {
      const name = directory === '' ? entry.name : `${directory}/${entry.name}`
      const key = findObjectKey(name)
      if (entry.isDirectory()) yield* this.#walk(name)
      else if (entry.isFile() && key !== undefined && !isTemporary(entry.name)) yield key
    }
  }

  async #entries(directory: string): Promise<Dirent[]> {
    const entries: Dirent[] = []
    for await (const entry of await translated(() => opendir(join(this.#root, directory))))
      entries.push(entry)
    return entries
  }

  async ping(): Promise<void> {
    await translated(() => access(this.#root, constants.R_OK | constants.W_OK | constants.X_OK))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #path(key: ObjectKey): string {
    return join(this.#root, key)
  }
}

/** Changes whenever the file is replaced or written: its inode, size and time of change in nanoseconds' place. */
function etagOf({ ino, size, mtimeMs }: Stats): string {
  return `"${ino.toString(16)}-${size.toString(16)}-${Math.round(mtimeMs * 1000).toString(16)}"`
}
