import { constants } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { TuskerError } from '../../../core/errors.ts'
import { syncDirectory, withFile, writeDurably } from './durable-file.ts'
import { errnoOf } from './errors.ts'
import type { UploadFiles } from './upload-files.ts'

type Files = Pick<UploadFiles, 'directory' | 'part' | 'unverified'>

/**
 * Appends bytes that count only once they are verified: which size counts until then is on the disk before the first
 * of them, so that a process that dies leaves nothing unverified behind (whoever opens the upload cuts it off).
 * @throws what `append` throws, which includes what the verification throws: nothing is appended then
 */
export async function appendVerified<Result>(
  files: Files,
  offsetBytes: number,
  append: () => Promise<Result>,
): Promise<Result> {
  await writeDurably(files.unverified, async (file) => await file.writeFile(String(offsetBytes)))
  try {
    const result = await append()
    await removeMark(files)
    return result
  } catch (error) {
    await discardUnverified(files)
    throw error
  }
}

/** Cuts off what was appended and never verified. */
export async function discardUnverified(files: Files): Promise<void> {
  const sizeBytes = await readMark(files)
  if (sizeBytes === undefined) return
  await withFile(files.part, constants.O_RDWR | constants.O_NOFOLLOW, async (file) => {
    if ((await file.stat()).size > sizeBytes) await file.truncate(sizeBytes)
    await file.sync()
  })
  await removeMark(files)
}

async function readMark({ unverified }: Files): Promise<number | undefined> {
  const text = await readFile(unverified, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  if (!/^\d{1,16}$/.test(text)) throw new TuskerError('ERR_UPLOAD_DAMAGED', { details: { unverified } })
  return Number(text)
}

async function removeMark({ directory, unverified }: Files): Promise<void> {
  await rm(unverified)
  await syncDirectory(directory)
}
