import { constants } from 'node:fs'
import { TuskerError } from '../../../core/errors.ts'
import {
  type CallOptions,
  type ConcatPiece,
  type OpenUpload,
  type UploadBody,
  type WriteBodyOptions,
  concatLengthBytes,
} from '../../../core/upload-store.ts'
import {
  type Upload,
  type UploadInfo,
  isComplete,
  requireDeclarable,
  requireWritable,
} from '../../../core/upload.ts'
import { type Appended, appendBody } from './append-body.ts'
import { writeConcatenated } from './concatenation.ts'
import { renameDurably, withFile } from './durable-file.ts'
import { translated } from './errors.ts'
import { appendVerified } from './unverified-bytes.ts'
import type { StoredBytes, UploadFiles } from './upload-files.ts'
import { writeRecord } from './upload-record.ts'

/** One upload in a directory, for as long as the caller holds its lock. */
export class LocalOpenUpload implements OpenUpload {
  readonly #files: UploadFiles
  #info: UploadInfo
  #stored: StoredBytes

  /** `stored` bytes are flushed. */
  constructor(files: UploadFiles, info: UploadInfo, stored: StoredBytes) {
    this.#files = files
    this.#info = info
    this.#stored = stored
  }

  get upload(): Upload {
    const { bytes, isComplete, writtenAt } = this.#stored
    // A final upload may be recorded before its length is known: its object tells it.
    const lengthBytes = isComplete ? bytes : this.#info.lengthBytes
    return { ...this.#info, lengthBytes, offsetBytes: bytes, activeAt: writtenAt }
  }

  async write(body: UploadBody, { verify, ...options }: WriteBodyOptions = {}): Promise<Upload> {
    requireWritable(this.#info)
    const { offsetBytes } = this.upload
    const { storedBytes, hasSurplus } = await translated(this.#files.directory, async () => {
      if (verify === undefined) return await this.#append(body, options)
      return await this.#appendVerified(body, verify, options)
    })
    const writtenAt = storedBytes > 0 ? new Date() : this.#stored.writtenAt
    this.#stored = { ...this.#stored, bytes: offsetBytes + storedBytes, writtenAt }
    await this.finishIfStored()
    if (hasSurplus) throw new TuskerError('ERR_UPLOAD_SIZE_EXCEEDED')
    return this.upload
  }

  async #append(body: UploadBody, { signal, onStored }: WriteBodyOptions): Promise<Appended> {
    const { lengthBytes = Number.MAX_SAFE_INTEGER, offsetBytes } = this.upload
    const room = { offsetBytes, limitBytes: lengthBytes - offsetBytes, signal, onStored }
    const flags = constants.O_RDWR | constants.O_NOFOLLOW
    return await withFile(this.#currentPath(), flags, async (file) => await appendBody(file, body, room))
  }

  async #appendVerified(
    body: UploadBody,
    verify: () => void | Promise<void>,
    { signal }: WriteBodyOptions,
  ): Promise<Appended> {
    const append = async (): Promise<Appended> => {
      const appended = await this.#append(body, { signal })
      if (appended.hasSurplus) throw new TuskerError('ERR_UPLOAD_SIZE_EXCEEDED')
      await verify()
      return appended
    }
    // To a finished upload nothing is appended.
    if (this.#stored.isComplete) return await append()
    return await appendVerified(this.#files, this.upload.offsetBytes, append)
  }

  async declareLength(lengthBytes: number): Promise<Upload> {
    requireDeclarable(this.upload, lengthBytes)
    const declared = { ...this.#info, lengthBytes }
    await translated(this.#files.directory, () => writeRecord(this.#files.record, declared))
    this.#info = declared
    await this.finishIfStored()
    return this.upload
  }

  async concatenate(pieces: readonly ConcatPiece[], { signal }: CallOptions = {}): Promise<Upload> {
    if (isComplete(this.upload)) return this.upload
    const lengthBytes = concatLengthBytes(this.#info, pieces)
    const { directory, object, part } = this.#files
    await writeConcatenated(directory, { part, pieces, signal })
    await translated(directory, () => renameDurably(part, object))
    this.#stored = { isComplete: true, bytes: lengthBytes, writtenAt: new Date() }
    return this.upload
  }

  /** Makes the object if all bytes are there: also after a crash between the last byte and the renaming. */
  async finishIfStored(): Promise<void> {
    const { isComplete, bytes } = this.#stored
    if (isComplete || bytes !== this.#info.lengthBytes) return
    const { directory, object, part } = this.#files
    await translated(directory, () => renameDurably(part, object))
    this.#stored = { ...this.#stored, isComplete: true }
  }

  #currentPath(): string {
    return this.#stored.isComplete ? this.#files.object : this.#files.part
  }
}
