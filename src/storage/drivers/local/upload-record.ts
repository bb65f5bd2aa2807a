import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import type { UploadInfo } from '../../../core/upload.ts'
import { concatRecord } from '../../concat-record.ts'
import { writeDurably } from './durable-file.ts'
import { translated } from './errors.ts'

/** What `<id>.info` holds. */
const recordSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  lengthBytes: z.number().int().nonnegative().optional(),
  metadata: z.array(z.tuple([z.string(), z.string().nullable()])),
  rawMetadata: z.string().optional(),
  createdAt: z.iso.datetime(),
  concat: concatRecord.optional(),
  announcedLengthBytes: z.number().int().nonnegative().optional(),
})

/** @throws TuskerError ERR_UPLOAD_NOT_FOUND; ERR_UPLOAD_DAMAGED if it can't be understood */
export async function readRecord(path: string, id: UploadId): Promise<UploadInfo> {
  const text = await readText(path)
  try {
    const record = recordSchema.extend({ id: z.literal(id) }).parse(JSON.parse(text))
    const { lengthBytes, rawMetadata, concat, announcedLengthBytes } = record
    return {
      id,
      lengthBytes,
      metadata: fromEntries(record.metadata),
      rawMetadata,
      createdAt: new Date(record.createdAt),
      concat,
      announcedLengthBytes,
    }
  } catch (error) {
    throw new TuskerError('ERR_UPLOAD_DAMAGED', { cause: error, details: { id } })
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await translated(dirname(path), () => readFile(path, 'utf8'))
  } catch (error) {
    if (isTuskerError(error, 'ERR_OBJECT_NOT_FOUND'))
      throw new TuskerError('ERR_UPLOAD_NOT_FOUND', { cause: error })
    throw error
  }
}

/** Metadata without a prototype: `constructor` and `__proto__` are keys like any other. */
function fromEntries(entries: readonly (readonly [string, string | null])[]): Record<string, string | null> {
  const metadata = Object.create(null) as Record<string, string | null>
  for (const [key, value] of entries) metadata[key] = value
  return metadata
}

export async function writeRecord(path: string, info: UploadInfo): Promise<void> {
  const record: z.input<typeof recordSchema> = {
    version: 1,
    id: info.id,
    lengthBytes: info.lengthBytes,
    metadata: Object.entries(info.metadata),
    rawMetadata: info.rawMetadata,
    createdAt: info.createdAt.toISOString(),
    concat: info.concat,
    announcedLengthBytes: info.announcedLengthBytes,
  }
  await writeDurably(path, async (file) => await file.writeFile(JSON.stringify(record)))
}
