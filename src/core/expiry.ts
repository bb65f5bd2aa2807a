import { type Upload, isComplete } from './upload.ts'

/** How long unfinished uploads live. */
export interface Expiration {
  /** For ever if undefined. */
  readonly expirationMs: number | undefined
  /** absolute: counted from the creation. sliding: from when bytes were last stored. */
  readonly expirationMode: 'absolute' | 'sliding'
}

/** When the upload expires; undefined if it never does: finished ones do not (tus 1.0.0, expiration). */
export function expiryOf(upload: Upload, { expirationMs, expirationMode }: Expiration): Date | undefined {
  if (expirationMs === undefined || isComplete(upload)) return undefined
  const since = expirationMode === 'sliding' ? upload.activeAt : upload.createdAt
  return new Date(since.getTime() + expirationMs)
}
