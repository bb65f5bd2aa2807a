import { TuskerError } from './errors.ts'
import type { UploadId } from './upload-id.ts'

/** Decoded Upload-Metadata: a key without a value has null. */
export type UploadMetadata = Readonly<Record<string, string | null>>

/**
 * What an upload is to a concatenation (tus 1.0.0): a piece that will be put together with others, or the whole that is
 * made of pieces, in their order. `raw` is Upload-Concat as the client sent it: HEAD gives it back (CO-15).
 */
export type UploadConcat =
  | { readonly kind: 'partial'; readonly raw: string }
  | { readonly kind: 'final'; readonly raw: string; readonly partialIds: readonly UploadId[] }

/** What is fixed when an upload is created (its length may be declared later, once). */
export interface UploadInfo {
  readonly id: UploadId
  /** The whole size in bytes; undefined while the client has not declared it (creation-defer-length). */
  readonly lengthBytes: number | undefined
  /** Values decoded as UTF-8, for us to read. */
  readonly metadata: UploadMetadata
  /** Upload-Metadata as the client sent it: HEAD must give it back byte for byte (tus 1.0.0, creation). */
  readonly rawMetadata: string | undefined
  readonly createdAt: Date
  readonly concat?: UploadConcat | undefined
  /**
   * The size that an IETF client has announced, which does not make the upload complete (RUFH: only Upload-Complete
   * does). `lengthBytes` is set, to the same number, by the request that says so.
   */
  readonly announcedLengthBytes?: number | undefined
}

/** An upload and how far it is. */
export interface Upload extends UploadInfo {
  /**
   * Bytes that are durably stored. It equals lengthBytes only once the whole object is there under its key:
   * an upload whose bytes are all stored but whose object is not is finished by whoever opens it.
   */
  readonly offsetBytes: number
  /** When bytes were last stored, as the storage tells it; the creation if none were. */
  readonly activeAt: Date
}

/** Whether the whole object is there. */
export function isComplete(upload: Upload): boolean {
  return upload.lengthBytes === upload.offsetBytes
}

/** The size of the whole, declared or announced, as far as it is known. */
export function lengthOf(upload: Pick<Upload, 'lengthBytes' | 'announcedLengthBytes'>): number | undefined {
  return upload.lengthBytes ?? upload.announcedLengthBytes
}

export type FinalConcat = Extract<UploadConcat, { readonly kind: 'final' }>

/** An upload that is made of others (tus 1.0.0, concatenation). */
export type FinalUploadInfo = UploadInfo & { readonly concat: FinalConcat }

export function isFinal(info: UploadInfo): info is FinalUploadInfo {
  return info.concat?.kind === 'final'
}

export function isPartial({ concat }: UploadInfo): boolean {
  return concat?.kind === 'partial'
}

/** @throws TuskerError ERR_MODIFY_FINAL for a final upload: nobody writes to it (CO-11) */
export function requireWritable(info: UploadInfo): void {
  if (isFinal(info)) throw new TuskerError('ERR_MODIFY_FINAL')
}

/** @throws TuskerError ERR_INVALID_LENGTH if the upload has a length already, was to have another, or has more bytes than that */
export function requireDeclarable(upload: Upload, lengthBytes: number): void {
  requireWritable(upload)
  const { lengthBytes: known, announcedLengthBytes = lengthBytes, offsetBytes } = upload
  if (known !== undefined || announcedLengthBytes !== lengthBytes) {
    throw new TuskerError('ERR_INVALID_LENGTH', {
      message: 'Upload-Length is set already and cannot be changed',
    })
  }
  if (lengthBytes < offsetBytes) {
    throw new TuskerError('ERR_INVALID_LENGTH', {
      message: `Upload-Length is less than the ${offsetBytes} bytes that are stored`,
    })
  }
}

/** The MIME type that the client declared, from the metadata keys that clients use: tus-js-client and Uppy send `filetype`. */
export function declaredContentType(metadata: UploadMetadata): string | undefined {
  return metadata['filetype'] ?? metadata['contentType'] ?? metadata['type'] ?? undefined
}

/** The file name that the client declared (tus-js-client: `filename`, Uppy: `filename` and `name`). */
export function declaredFileName(metadata: UploadMetadata): string | undefined {
  return metadata['filename'] ?? metadata['name'] ?? undefined
}
