import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { TuskerError } from '../../core/errors.ts'

/** Of each file that is being sent. */
const READ_BYTES = 16 * 1024

/**
 * Bytes that found no room in memory. The file has no name from its first moment on, so that whatever ends the process
 * nothing of it is left.
 */
export class SpillFile {
  readonly #file: FileHandle
  #sizeBytes = 0

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** @throws TuskerError ERR_STORAGE_UNAVAILABLE if the directory can't be written to */
  static async create(directory: string): Promise<SpillFile> {
    return await translated(async () => {
      const path = join(directory, `tusker-${randomUUID()}`)
      const file = await open(path, 'wx+', 0o600)
      await unlink(path)
      return new SpillFile(file)
    })
  }

  /** @throws TuskerError ERR_STORAGE_UNAVAILABLE if the disk is full */
  async append(bytes: Uint8Array): Promise<void> {
    await translated(async () => {
      for (let done = 0; done < bytes.byteLength;) {
        const position = this.#sizeBytes + done
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.byteLength - done, position)
        done += bytesWritten
      }
      this.#sizeBytes += bytes.byteLength
    })
  }

  /** Everything from `startBytes` on; each chunk is overwritten by the next. */
  async *read(startBytes = 0): AsyncIterable<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    for (let position = startBytes; position < this.#sizeBytes;) {
      const { bytesRead } = await this.#file.read(buffer, 0, READ_BYTES, position)
      if (bytesRead === 0) throw new TuskerError('ERR_STORAGE_UNAVAILABLE')
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

/** A fault of our own disk: the client keeps what was acknowledged and can try again. */
async function translated<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TuskerError) throw error
    throw new TuskerError('ERR_STORAGE_UNAVAILABLE', {
      message: 'The server has no room for more bytes, try again later',
      cause: error,
    })
  }
}
