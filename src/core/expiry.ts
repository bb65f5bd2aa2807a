import { type Upload, isComplete, isPartial } from './upload.ts'

/** How long unfinished uploads live. */
export interface Expiration {
  /** For ever if undefined. */
  readonly expirationMs: number | undefined
  /** absolute: counted from the creation. sliding: from when bytes were last stored. */
  readonly expirationMode: 'absolute' | 'sliding'
}

/**
 * When the upload expires; undefined if it never does: finished ones do not (tus 1.0.0, expiration). A partial upload
 * that is finished is still a piece of an unfinished one.
 */
export function expiryOf(upload: Upload, { expirationMs, expirationMode }: Expiration): Date | undefined {
  if (expirationMs === undefined) return undefined
  if (isComplete(upload) && !isPartial(upload)) return undefined
  const since = expirationMode === 'sliding' ? upload.activeAt : upload.createdAt
  return new Date(since.getTime() + expirationMs)
}
