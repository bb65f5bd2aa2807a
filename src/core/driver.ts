import type { Readable } from 'node:stream'
import type { ObjectKey } from './object-key.ts'
import type { CallOptions, UploadStore } from './upload-store.ts'

/** Bytes `start` to `end` of an object, both included; an open end means to the last byte. */
export interface ByteRange {
  readonly start: number
  readonly end?: number | undefined
}

export interface ReadOptions extends CallOptions {
  readonly range?: ByteRange | undefined
}

export interface WriteOptions extends CallOptions {
  readonly contentType?: string | undefined
}

export interface ObjectStat {
  readonly sizeBytes: number
  readonly modifiedAt: Date
  /** A strong validator, quotes included, as HTTP wants it. */
  readonly etag: string
  /** As stored with the object, where the storage keeps one. */
  readonly contentType: string | undefined
}

export interface ObjectEntry {
  readonly key: ObjectKey
  readonly sizeBytes: number
  readonly modifiedAt: Date
}

/**
 * One storage location. Required: what every storage can do. Optional members are capabilities: that one is there is
 * the feature. Keys are relative to the location's root. Each failure is a TuskerError: ERR_OBJECT_NOT_FOUND,
 * ERR_STORAGE_UNAVAILABLE (worth a retry), ERR_STORAGE_REJECTED (not worth one), ERR_STORAGE_FULL.
 */
export interface Driver {
  /** The object's bytes. Errors that come later destroy the stream. The caller consumes or destroys it. */
  read(key: ObjectKey, options?: ReadOptions): Promise<Readable>
  /** Creates or replaces the object; it is durable when this returns, and nothing is there if it rejects (or the old one still is). */
  write(key: ObjectKey, body: Readable | Buffer, options?: WriteOptions): Promise<void>
  stat(key: ObjectKey, options?: CallOptions): Promise<ObjectStat>
  /** False only if the storage says that there is none; any other trouble is an error. */
  exists(key: ObjectKey, options?: CallOptions): Promise<boolean>
  /** Deleting what is not there is fine. */
  delete(key: ObjectKey, options?: CallOptions): Promise<void>
  copy(from: ObjectKey, to: ObjectKey, options?: CallOptions): Promise<void>
  move(from: ObjectKey, to: ObjectKey, options?: CallOptions): Promise<void>
  /** Every object whose key starts with `prefix`, in no order, fetched page by page as the reader goes. */
  list(prefix?: string, options?: CallOptions): AsyncIterable<ObjectEntry>
  /** Proves that the location can be reached, without writing. */
  ping(options?: CallOptions): Promise<void>
  /** Frees sockets and handles; the driver is not used afterwards. */
  close(): Promise<void>

  /** Resumable uploads. */
  readonly uploads?: UploadStore
}
