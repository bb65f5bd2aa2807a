import { TuskerError } from './errors.ts'
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
  | 'concatenation'
  | 'concatenation-unfinished'

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
   * follows, it is recorded at the latest when the first `write` returns. A final upload waits for `concatenate`.
   * @throws TuskerError ERR_MAX_SIZE_EXCEEDED if the store can't hold that length.
   */
  begin(info: UploadInfo, options?: BeginOptions): Promise<OpenUpload>

  /**
   * Finds an upload and how far it is. Finishes one whose bytes are all stored but whose object is not there yet
   * (the process died, or the answer was lost). A final upload is at 0 until its object is there.
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

  /** What it takes to make uploads of others; with OpenUpload.concatenate. */
  readonly concatenation?: Concatenation
}

/** The partial uploads of a concatenation, seen from outside: none of this needs their locks. */
export interface Concatenation {
  /** @throws TuskerError ERR_UPLOAD_NOT_FOUND */
  findPartial(id: UploadId, options?: CallOptions): Promise<FoundPartial>
  /** Notes something of an upload, with the time of now, so that `list` tells of it. */
  mark(id: UploadId, mark: 'used' | 'pending', options?: CallOptions): Promise<void>
  /** Takes the note back that a final upload waits for its partial ones. */
  clearPending(id: UploadId, options?: CallOptions): Promise<void>
}

/** An upload that may become a piece of another. */
export interface FoundPartial {
  readonly info: UploadInfo
  /** The size of its object, once it is there, whole. */
  readonly objectBytes: number | undefined
}

/** A finished partial upload. */
export interface ConcatPiece {
  readonly id: UploadId
  readonly sizeBytes: number
}

export interface StoredUpload {
  readonly id: UploadId
  /** When its record was last written: no earlier than its creation. */
  readonly recordedAt: Date
  /** Whether its object is there, and nothing is left of what it was made from. */
  readonly isComplete: boolean
  /** There if it is a partial upload, created to become a piece of another. */
  readonly partial?: StoredPartial | undefined
  /** Whether it is a final upload that was recorded before its partial uploads were finished. */
  readonly isPending?: boolean | undefined
}

interface StoredPartial {
  /** When its object was made. */
  readonly finishedAt: Date | undefined
  /** When it last became a piece of another. */
  readonly usedAt: Date | undefined
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

  /**
   * Of a final upload: makes its object, of those of its partial uploads, in this order; one may be there several
   * times. They stay as they are. What broke off, at whatever step, can be done again.
   * @throws TuskerError ERR_UPLOAD_GONE if the storage no longer has what it takes; the upload is not complete then
   */
  concatenate?(pieces: readonly ConcatPiece[], options?: CallOptions): Promise<Upload>
}

/** How long the upload will be that is made of `pieces`. @throws TuskerError ERR_UPLOAD_DAMAGED if it was to have another length */
export function concatLengthBytes({ id, lengthBytes }: UploadInfo, pieces: readonly ConcatPiece[]): number {
  const sumBytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (lengthBytes === undefined || lengthBytes === sumBytes) return sumBytes
  throw new TuskerError('ERR_UPLOAD_DAMAGED', { details: { id, lengthBytes, sumBytes } })
}
