import type { Dirent } from 'node:fs'
import { opendir, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { TuskerError } from '../../../core/errors.ts'
import { type ObjectKey, findObjectKey } from '../../../core/object-key.ts'
import { isTemporary } from './durable-file.ts'
import { errnoOf, toStorageError } from './errors.ts'

/**
 * The path of an object's file, whether it is there or not. `root` is a real path.
 * @throws TuskerError ERR_INVALID_KEY for a name of our temporary files; ERR_STORAGE_REJECTED if a symbolic link on
 * the way leads out of `root`. The file itself may be a link: whoever opens it must not follow it.
 */
export async function locateObject(root: string, key: ObjectKey): Promise<string> {
  const path = join(root, key)
  if (isTemporary(basename(path))) throw new TuskerError('ERR_INVALID_KEY', { details: { key } })
  if (!isInside(root, await realFolder(root, dirname(path)))) {
    throw new TuskerError('ERR_STORAGE_REJECTED', {
      details: { key, reason: 'a symbolic link leads out of the location' },
    })
  }
  return path
}

/** The real path of `folder`, or of the nearest one above it that is there. */
async function realFolder(root: string, folder: string): Promise<string> {
  if (folder === root) return root
  try {
    return await realpath(folder)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return await realFolder(root, dirname(folder))
  }
}

function isInside(root: string, path: string): boolean {
  return relative(root, path).split(sep)[0] !== '..'
}

/** The key of every object's file whose key starts with `prefix`. Only the folder that the prefix names is read. */
export async function* listObjectFiles(root: string, prefix: string): AsyncIterable<ObjectKey> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (folder !== '' && !(await isFolder(root, folder))) return
  for await (const key of walk(root, folder)) if (key.startsWith(prefix)) yield key
}

/** Whether there is such a folder, in `root`: a prefix is any text, `../` too. */
async function isFolder(root: string, folder: string): Promise<boolean> {
  const key = findObjectKey(folder.slice(0, -1))
  if (key === undefined) return false
  try {
    return isInside(root, await realpath(join(root, key)))
  } catch (error) {
    if (isNoFolder(error)) return false
    throw toStorageError(error)
  }
}

async function* walk(root: string, folder: string): AsyncIterable<ObjectKey> {
  for await (const entry of entriesOf(join(root, folder))) {
    const name = `${folder}${entry.name}`
    const key = findObjectKey(name)
    if (entry.isDirectory()) yield* walk(root, `${name}/`)
    else if (entry.isFile() && key !== undefined && !isTemporary(entry.name)) yield key
  }
}

/** One that was removed while we walked has nothing in it. */
async function* entriesOf(directory: string): AsyncIterable<Dirent> {
  try {
    yield* await opendir(directory)
  } catch (error) {
    if (!isNoFolder(error)) throw toStorageError(error)
  }
}

function isNoFolder(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')
}
