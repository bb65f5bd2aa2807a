import { constants, createReadStream } from 'node:fs'
import { copyFile, rm } from 'node:fs/promises'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { UploadId } from '../../../core/upload-id.ts'
import type { CallOptions, ConcatPiece, Concatenation, FoundPartial } from '../../../core/upload-store.ts'
import { appendBody } from './append-body.ts'
import { withFile, writeDurably } from './durable-file.ts'
import { translated } from './errors.ts'
import { type UploadFiles, type UploadMark, findFile, uploadFiles } from './upload-files.ts'
import { readRecord } from './upload-record.ts'

/** As much as one write takes. */
const READ_BYTES = 1024 ** 2

/** The partial uploads of a directory, as those see them who make others of them. */
export class LocalConcatenation implements Concatenation {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async findPartial(id: UploadId): Promise<FoundPartial> {
    const { record, object } = uploadFiles(this.#directory, id)
    const info = await readRecord(record, id)
    const objectBytes = (await findFile(object))?.sizeBytes
    return { info, objectBytes: objectBytes === info.lengthBytes ? objectBytes : undefined }
  }

  async mark(id: UploadId, mark: UploadMark): Promise<void> {
    await translated(this.#directory, () => writeMark(uploadFiles(this.#directory, id), mark))
  }

  async clearPending(id: UploadId): Promise<void> {
    await translated(this.#directory, () =>
      rm(uploadFiles(this.#directory, id).marks.pending, { force: true }),
    )
  }
}

/** Its date is that of now, also if it was there. */
export async function writeMark({ marks }: UploadFiles, mark: UploadMark): Promise<void> {
  await writeDurably(marks[mark], async () => undefined)
}

export interface Concatenated extends CallOptions {
  /** Where the bytes go, in place of all that is there. */
  readonly part: string
  readonly pieces: readonly ConcatPiece[]
}

/**
 * Writes the bytes of finished uploads into one file, in their order, and flushes it. Where the file system can, the
 * first is not copied at all: its blocks are shared.
 * @throws TuskerError ERR_UPLOAD_GONE if one of them is not there any more, or not as large as it was
 */
export async function writeConcatenated(
  directory: string,
  { part, pieces: [first, ...others], signal }: Concatenated,
): Promise<void> {
  try {
    await translated(directory, async () => {
      if (first) await copyFile(objectOf(directory, first), part, constants.COPYFILE_FICLONE)
      await withFile(part, constants.O_RDWR | constants.O_NOFOLLOW, async (file) => {
        const startBytes = first?.sizeBytes ?? 0
        if ((await file.stat()).size !== startBytes) throw changed(first)
        const options = { offsetBytes: startBytes, limitBytes: Number.MAX_SAFE_INTEGER, signal }
        await appendBody(file, bytesOf(directory, others), options)
        await file.sync()
      })
    })
  } catch (error) {
    if (!isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) throw error
    throw new TuskerError('ERR_UPLOAD_GONE', {
      cause: error,
      message: 'A part of the upload is not there any more',
    })
  }
}

async function* bytesOf(directory: string, pieces: readonly ConcatPiece[]): AsyncIterable<Uint8Array> {
  for (const piece of pieces) {
    let readBytes = 0
    const stream = createReadStream(objectOf(directory, piece), { highWaterMark: READ_BYTES })
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      readBytes += chunk.byteLength
      yield chunk
    }
    if (readBytes !== piece.sizeBytes) throw changed(piece)
  }
}

function objectOf(directory: string, { id }: ConcatPiece): string {
  return uploadFiles(directory, id).object
}

function changed(piece: ConcatPiece | undefined): TuskerError {
  return new TuskerError('ERR_UPLOAD_DAMAGED', { details: { ...piece, reason: 'has another size now' } })
}
