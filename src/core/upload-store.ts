import type { ObjectKey } from './object-key.ts'
import type { UploadId } from './upload-id.ts'
import type { Upload, UploadInfo } from './upload.ts'

/** The tus extensions that a store can offer; `Tus-Extension` is computed from them, never configured. */
export type TusExtension =
  | 'creation'
  | 'creation-with-upload'
  | 'creation-defer-length'
  | 'termination'
  | 'expiration'
  | 'checksum'

export interface CallOptions {
  /** Aborts the work: whatever is stored by then stays stored. */
  readonly signal?: AbortSignal | undefined
}

export interface BeginOptions extends CallOptions {
  /** The first bytes come with the creation: `write` is called next, and the upload need not be recorded before. */
  readonly bodyFollows?: boolean | undefined
}

export interface OpenOptions extends CallOptions {
  /**
   * The caller's lock proves that nobody else had it since this process last did: what the store remembers of the
   * upload is then as good as what it would find.
   */
  readonly isContinued?: boolean | undefined
}

export interface WriteBodyOptions extends CallOptions {
  /**
   * Called when the body has ended and before any of it counts: if it throws, nothing of the body is kept, and the
   * write rejects with that. Nor is anything kept if the process dies before this has returned.
   */
  readonly verify?: (() => void | Promise<void>) | undefined
  /** Called while the body comes in, with an offset up to which everything is durable by then; not with `verify`. */
  readonly onStored?: ((offsetBytes: number) => void) | undefined
}

/**
 * Bytes on their way in. It ends without an error when the client stops, whatever the reason (cut connection, stall,
 * take-over, shutdown): the store keeps all that arrived, and the caller, who knows the reason, answers.
 */
export type UploadBody = AsyncIterable<Uint8Array>

/**
 * Resumable uploads in one location: the capability behind tus. Only `info` and `list` may be called without holding
 * the upload's lock. Ids and metadata are checked by the caller; offsets and lengths are the store's own to keep.
 */
export interface UploadStore {
  readonly extensions: readonly TusExtension[]

  /**
   * Records a new upload; an upload of zero bytes is complete when this returns, its object is there. If its body
   * follows, it is recorded at the latest when the first `write` returns.
   * @throws TuskerError ERR_MAX_SIZE_EXCEEDED if the store can't hold that length.
   */
  begin(info: UploadInfo, options?: BeginOptions): Promise<OpenUpload>

  /**
   * Finds an upload and how far it is. Finishes one whose bytes are all stored but whose object is not there yet
   * (the process died, or the answer was lost).
   * @throws TuskerError ERR_UPLOAD_NOT_FOUND; ERR_UPLOAD_GONE if its bytes were removed behind our back.
   */
  open(id: UploadId, options?: OpenOptions): Promise<OpenUpload>

  /**
   * Removes every trace of an upload, whatever state it is in: finished, open, or gone (ERR_UPLOAD_GONE). One that
   * broke off can be repeated.
   * @throws TuskerError ERR_UPLOAD_NOT_FOUND
   */
  remove(id: UploadId, options?: CallOptions): Promise<void>

  /** What is known of an upload without looking at its bytes. Needs no lock. @throws TuskerError ERR_UPLOAD_NOT_FOUND */
  info(id: UploadId, options?: CallOptions): Promise<UploadInfo>

  /** Every upload in the location, finished or not, in no order. Needs no lock. */
  list(options?: CallOptions): AsyncIterable<StoredUpload>

  /** Where the object of a finished upload is. */
  objectKey(id: UploadId): ObjectKey
}

export interface StoredUpload {
  readonly id: UploadId
  /** When its record was last written: no earlier than its creation. */
  readonly recordedAt: Date
  /** Whether its object is there, and nothing is left of what it was made from. */
  readonly isComplete: boolean
}

/** One upload, for as long as the caller holds its lock. */
export interface OpenUpload {
  /** Where it stands after the last call that succeeded. */
  readonly upload: Upload

  /**
   * Appends `body` at the current offset and returns the upload with its new offset: all of it is durable by then.
   * When that reaches the length, the object is there before this returns. It resolves or rejects only after the last
   * request to the storage has settled. After a rejection, open the upload again to learn its offset.
   * @throws TuskerError ERR_UPLOAD_SIZE_EXCEEDED if the body is longer than what is left: what fits is stored, unless it
   * was to be verified as a whole.
   */
  write(body: UploadBody, options?: WriteBodyOptions): Promise<Upload>

  /**
   * Sets the length of an upload that was created without one, and completes it if all its bytes are there.
   * @throws TuskerError ERR_INVALID_LENGTH if it has a length already or has more bytes than that.
   */
  declareLength(lengthBytes: number, options?: CallOptions): Promise<Upload>
}
