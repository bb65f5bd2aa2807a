import { createHash } from 'node:crypto'

/** An object, as the server keeps it: in memory. */
export interface StoredObject {
  body: Buffer
  etag: string
  modifiedAt: Date
  contentType: string | undefined
  /** content-disposition, cache-control, x-amz-meta-*, x-amz-acl, encryption …, as they were sent. */
  headers: Record<string, string>
  /** x-amz-checksum-*, given back to whoever asks with x-amz-checksum-mode. */
  checksums: Record<string, string>
  tags: string | undefined
}

export interface StoredPart {
  readonly partNumber: number
  readonly body: Buffer
  readonly etag: string
  readonly modifiedAt: Date
  readonly checksums: Readonly<Record<string, string>>
}

/** What an upload was created with (x-amz-checksum-algorithm, x-amz-checksum-type). */
export interface MultipartChecksum {
  /** `crc32`, `sha256` … */
  readonly algorithm: string
  /** Whether the object's is made of those of its parts; else it is that of its bytes. */
  readonly isComposite: boolean
}

export interface MultipartUpload {
  readonly uploadId: string
  readonly key: string
  readonly initiatedAt: Date
  readonly headers: Record<string, string>
  readonly contentType: string | undefined
  readonly tags: string | undefined
  /** What its parts must carry. */
  readonly checksum: MultipartChecksum | undefined
  readonly parts: Journal<number, StoredPart>
  isCompleted: boolean
}

export interface Bucket {
  readonly name: string
  readonly createdAt: Date
  readonly objects: Journal<string, StoredObject>
  readonly uploads: Map<string, MultipartUpload>
}

/** A map that remembers its past, for faults that show it. */
export class Journal<Key, Value> extends Map<Key, Value> {
  readonly #writes: { readonly key: Key; readonly before: Value | undefined }[] = []

  override set(key: Key, value: Value): this {
    this.#writes.push({ key, before: this.get(key) })
    return super.set(key, value)
  }

  override delete(key: Key): boolean {
    if (this.has(key)) this.#writes.push({ key, before: this.get(key) })
    return super.delete(key)
  }

  /** How it was `writesAgo` changes ago. */
  past(writesAgo: number): ReadonlyMap<Key, Value> {
    const then = new Map(this)
    const undone = writesAgo === 0 ? [] : this.#writes.slice(-writesAgo)
    for (const { key, before } of undone.toReversed()) {
      if (before === undefined) then.delete(key)
      else then.set(key, before)
    }
    return then
  }
}

export function createBucket(name: string): Bucket {
  return { name, createdAt: new Date(), objects: new Journal(), uploads: new Map() }
}

export function md5(data: Buffer | string): Buffer {
  return createHash('md5').update(data).digest()
}

/** The ETag of an object that was sent in one piece. */
export function etagOf(body: Buffer): string {
  return `"${md5(body).toString('hex')}"`
}

/** The ETag of an object made of parts: the MD5 of their MD5s and how many they are. */
export function multipartEtag(parts: readonly StoredPart[]): string {
  const digests = parts.map(({ etag }) => Buffer.from(etag.replaceAll('"', ''), 'hex'))
  return `"${md5(Buffer.concat(digests)).toString('hex')}-${parts.length}"`
}
