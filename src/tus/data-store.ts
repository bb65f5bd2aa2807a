import type { Readable } from 'node:stream'
import { DataStore, Upload as TusUpload } from '@tus/utils'
import { TuskerError } from '../core/errors.ts'
import { parseUploadId } from '../core/upload-id.ts'
import type { OpenUpload, UploadStore } from '../core/upload-store.ts'

/** An UploadStore as @tus/server knows stores: what its Server is constructed with. */
export class UploadDataStore extends DataStore {
  readonly #store: UploadStore

  constructor(store: UploadStore) {
    super()
    this.extensions = [...store.extensions]
    this.#store = store
  }

  override async getUpload(id: string): Promise<TusUpload> {
    const { upload } = await this.#open(id)
    return new TusUpload({
      id,
      offset: upload.offsetBytes,
      metadata: { ...upload.metadata },
      creation_date: upload.createdAt.toISOString(),
      ...(upload.lengthBytes !== undefined && { size: upload.lengthBytes }),
    })
  }

  override async write(body: Readable, id: string, offset: number): Promise<number> {
    const opened = await this.#open(id)
    if (opened.upload.offsetBytes !== offset) throw new TuskerError('ERR_OFFSET_MISMATCH')
    return (await opened.write(body as AsyncIterable<Uint8Array>)).offsetBytes
  }

  async #open(text: string): Promise<OpenUpload> {
    const id = parseUploadId(text)
    if (id === undefined) throw new TuskerError('ERR_UPLOAD_NOT_FOUND')
    return await this.#store.open(id)
  }
}
