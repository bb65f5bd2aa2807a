import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Names of files that are being written: never an object, removed if their writer fails. */
const TEMPORARY_PREFIX = '.tusker-'

export function isTemporary(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX)
}

/**
 * Writes a file so that, whatever happens, either all of it is at `path` or nothing new is: into a temporary file of
 * the same directory, flushed to the disk, then renamed, and the directory flushed too.
 */
export async function writeDurably(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `${TEMPORARY_PREFIX}${randomUUID()}`)
  try {
    await withFile(temporary, 'wx', async (file) => {
      await fill(file)
      await file.sync()
    })
    await renameDurably(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Renames within a directory, or between two on one disk, and flushes both. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncDirectory(dirname(to))
  if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from))
}

/** Makes a directory and those above it, and flushes the one above each that is new. */
export async function makeDirectory(path: string): Promise<void> {
  const firstMade = await mkdir(path, { recursive: true })
  if (firstMade === undefined) return
  for (let made = path; made.length >= firstMade.length; made = dirname(made)) {
    await syncDirectory(dirname(made))
  }
}

/** A new or renamed file is there after a power cut only once its directory is on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  await withFile(path, 'r', (directory) => directory.sync())
}

export async function withFile<Result>(
  path: string,
  flags: string | number,
  work: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  const file = await open(path, flags)
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}
