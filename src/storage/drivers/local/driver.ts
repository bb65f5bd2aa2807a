import { type BigIntStats, constants } from 'node:fs'
import { access, lstat, open, realpath, unlink, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import type { Driver, ObjectEntry, ObjectStat, ReadOptions, WriteOptions } from '../../../core/driver.ts'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { ObjectKey } from '../../../core/object-key.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import { makeDirectory, renameDurably, syncDirectory, writeDurably } from './durable-file.ts'
import { errnoOf, requireDirectory, translated, translatedWrite } from './errors.ts'
import { listObjectFiles, locateObject } from './object-files.ts'
import type { LocalOptions } from './options.ts'
import { LocalUploadStore } from './upload-store.ts'

const USABLE = constants.R_OK | constants.W_OK | constants.X_OK

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'there is a file of that name',
  ENOTDIR: 'a file is where a directory should be',
  EACCES: 'this user may not read and write there',
  EROFS: 'the file system is read-only',
}

/** Opens a directory as a location, and makes it if it is not there. @throws Error that names the directory */
export async function openDriver(options: LocalOptions): Promise<Driver> {
  const root = resolve(options.root)
  try {
    await makeDirectory(root)
    await access(root, USABLE)
    return new LocalDriver(await realpath(root))
  } catch (error) {
    const errno = errnoOf(error) ?? 'unknown'
    const reason = REASONS[errno] ?? errno
    throw new Error(`The directory ${root} can't be used for files: ${reason}`, { cause: error })
  }
}

/** A directory as a location: each object is a file. Symbolic links that lead out of it are not followed. */
class LocalDriver implements Driver {
  readonly uploads: LocalUploadStore
  readonly #root: string

  constructor(root: string) {
    this.#root = root
    this.uploads = new LocalUploadStore(root)
  }

  async read(key: ObjectKey, { range, signal }: ReadOptions = {}): Promise<Readable> {
    return await translated(this.#root, async () => {
      const path = await locateObject(this.#root, key)
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      const stats = await file.stat()
      const isRangeThere = range === undefined || range.start < stats.size
      if (!stats.isFile() || !isRangeThere) {
        await file.close()
        throw new TuskerError(stats.isFile() ? 'ERR_RANGE_NOT_SATISFIABLE' : 'ERR_OBJECT_NOT_FOUND')
      }
      return file.createReadStream({
        ...(range && { start: range.start }),
        ...(range?.end !== undefined && { end: range.end }),
        signal,
      })
    })
  }

  async write(key: ObjectKey, body: Readable | Buffer, { signal }: WriteOptions = {}): Promise<void> {
    await translatedWrite(this.#root, async () => {
      const path = await locateObject(this.#root, key)
      await makeDirectory(dirname(path))
      await writeDurably(path, async (file) => await writeFile(file, body, { signal }))
    })
  }

  async stat(key: ObjectKey): Promise<ObjectStat> {
    const stats = await translated(this.#root, async () =>
      lstat(await locateObject(this.#root, key), { bigint: true }),
    )
    if (!stats.isFile()) throw new TuskerError('ERR_OBJECT_NOT_FOUND')
    return {
      sizeBytes: Number(stats.size),
      modifiedAt: stats.mtime,
      etag: etagOf(stats),
      contentType: undefined,
    }
  }

  async exists(key: ObjectKey): Promise<boolean> {
    return (await this.#find(key)) !== undefined
  }

  async delete(key: ObjectKey): Promise<void> {
    if (!(await this.exists(key))) return
    await translated(this.#root, async () => {
      const path = await locateObject(this.#root, key)
      await unlink(path)
      await syncDirectory(dirname(path))
    }).catch(ignoreMissing)
  }

  async copy(from: ObjectKey, to: ObjectKey, options: CallOptions = {}): Promise<void> {
    if (from === to) return void (await this.stat(from))
    const source = await this.read(from, options)
    try {
      await this.write(to, source, options)
    } finally {
      source.destroy()
    }
  }

  async move(from: ObjectKey, to: ObjectKey, options: CallOptions = {}): Promise<void> {
    await this.stat(from)
    if (from === to) return
    if (await this.#rename(from, to)) return
    await this.copy(from, to, options)
    await this.delete(from)
  }

  /** False if the two are on different disks, as when one is mounted below the root. */
  async #rename(from: ObjectKey, to: ObjectKey): Promise<boolean> {
    return await translatedWrite(this.#root, async () => {
      const target = await locateObject(this.#root, to)
      await makeDirectory(dirname(target))
      try {
        await renameDurably(await locateObject(this.#root, from), target)
        return true
      } catch (error) {
        if (errnoOf(error) === 'EXDEV') return false
        throw error
      }
    })
  }

  async *list(prefix = '', { signal }: CallOptions = {}): AsyncIterable<ObjectEntry> {
    // A directory that is not there is not an empty location.
    await requireDirectory(this.#root)
    for await (const key of listObjectFiles(this.#root, prefix)) {
      signal?.throwIfAborted()
      // One that was deleted while we walked is not there any more: nothing to tell.
      const found = await this.#find(key)
      if (found) yield { key, sizeBytes: found.sizeBytes, modifiedAt: found.modifiedAt }
    }
  }

  async ping(): Promise<void> {
    await requireDirectory(this.#root, USABLE)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #find(key: ObjectKey): Promise<ObjectStat | undefined> {
    return await this.stat(key).catch(ignoreMissing)
  }
}

function ignoreMissing(error: unknown): undefined {
  if (!isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) throw error
}

/** Changes whenever the file is replaced or written. */
function etagOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `"${[ino, size, mtimeNs].map((part) => part.toString(16)).join('-')}"`
}
