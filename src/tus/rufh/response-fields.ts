import type { ServerResponse } from 'node:http'
import { expiryOf } from '../../core/expiry.ts'
import { type Upload, isComplete, lengthOf } from '../../core/upload.ts'
import type { TusServerOptions } from '../tus-context.ts'
import { type Dialect, UNVERSIONED } from './dialects.ts'
import { formatBoolean, formatDictionary } from './structured-fields.ts'

/** Upload-Complete, or what the dialect has for it. */
export function setUploadComplete(
  response: ServerResponse,
  { completeField }: Dialect,
  isWhole: boolean,
): void {
  response.setHeader(completeField, formatBoolean(completeField === 'Upload-Incomplete' ? !isWhole : isWhole))
}

/** Where an upload stands, and within which limits. */
export function setUploadState(
  response: ServerResponse,
  upload: Upload,
  options: TusServerOptions,
  dialect: Dialect = UNVERSIONED,
): void {
  const lengthBytes = lengthOf(upload)
  response.setHeader('Upload-Offset', upload.offsetBytes)
  if (lengthBytes !== undefined) response.setHeader('Upload-Length', lengthBytes)
  setUploadComplete(response, dialect, isComplete(upload))
  response.setHeader('Upload-Limit', uploadLimitOf(upload, options, dialect))
}

/** Upload-Limit of one upload. */
export function uploadLimitOf(upload: Upload, options: TusServerOptions, dialect: Dialect): string {
  const expiry = expiryOf(upload, options)
  return formatLimits(options, dialect, expiry && expiry.getTime() - options.clock())
}

/** Upload-Limit of uploads that are still to be created. */
export function creationLimitOf(
  options: Pick<TusServerOptions, 'maxSizeBytes' | 'expirationMs'>,
  dialect: Dialect = UNVERSIONED,
): string {
  return formatLimits(options, dialect, options.expirationMs)
}

function formatLimits(
  { maxSizeBytes }: Pick<TusServerOptions, 'maxSizeBytes'>,
  { ageKey }: Dialect,
  ageMs: number | undefined,
): string {
  const ageSeconds = ageMs === undefined ? undefined : Math.max(0, Math.floor(ageMs / 1000))
  // what a server without limits says.
  return formatDictionary({ 'max-size': maxSizeBytes, [ageKey]: ageSeconds }) || 'min-size=0'
}
