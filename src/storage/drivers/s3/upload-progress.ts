import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import { isFinal } from '../../../core/upload.ts'
import type { S3Bucket } from './bucket.ts'
import { listParts } from './list-parts.ts'
import type { StoredPart } from './multipart-calls.ts'
import { type ObjectHead, findObject } from './object-calls.ts'
import { MIN_PART_BYTES, partCountOf } from './part-plan.ts'
import type { UploadRecord } from './upload-record.ts'
import { MAX_TAIL_PIECES, type UploadTail, findFirstPiece, findTail } from './upload-tail.ts'

/** What the bucket holds of an upload. */
export interface UploadProgress {
  /** Whether the object is there, with the right size. */
  readonly isComplete: boolean
  /** Its size, once it is there. */
  readonly objectBytes?: number | undefined
  /** When bytes were last stored; undefined if none were. */
  readonly storedAtMs?: number | undefined
  /** Whether its multipart upload is there all the same. */
  readonly isMultipartOpen?: boolean | undefined
  /** The parts from number 1 up to the first gap: only these count. */
  readonly parts: readonly StoredPart[]
  /** Numbers after a gap: sent, but never acknowledged, since a part before them is missing. */
  readonly strayPartNumbers: readonly number[]
  /** The bytes after the last part, if there are any. */
  readonly tail: UploadTail | undefined
  /** How many objects there may be of this or an older tail: to be deleted with the upload. */
  readonly tailObjects: number
}

export const NO_PROGRESS: UploadProgress = {
  isComplete: false,
  parts: [],
  strayPartNumbers: [],
  tail: undefined,
  tailObjects: 0,
}

/** The object is there, and nothing else. */
export const COMPLETE: UploadProgress = { ...NO_PROGRESS, isComplete: true }

export function partsEndBytes({ parts }: Pick<UploadProgress, 'parts'>): number {
  return parts.reduce((sum, part) => sum + part.sizeBytes, 0)
}

/**
 * Looks at the bucket: one listing of the parts beside one look at the tail.
 * @throws TuskerError ERR_UPLOAD_GONE if the multipart upload is gone and the object is not there: aborted behind our back.
 */
export async function findProgress(
  bucket: S3Bucket,
  record: UploadRecord,
  options: CallOptions = {},
): Promise<UploadProgress> {
  const { id } = record.info
  if (isFinal(record.info)) return await findFinal(bucket, record, options)
  const [listed, first] = await Promise.all([
    findParts(bucket, record, options),
    findFirstPiece(bucket, id, options),
  ])
  const found = { ...splitAtGap(listed ?? []), tailObjects: first === undefined ? 0 : MAX_TAIL_PIECES }
  const endBytes = partsEndBytes(found)
  const whole = await findWhole(bucket, record, { endBytes, wereListed: listed !== undefined, options })
  if (whole !== undefined) {
    const isMultipartOpen = record.multipartId !== undefined && listed !== undefined
    const { sizeBytes: objectBytes, modifiedAt } = whole
    const storedAtMs = modifiedAt.getTime()
    return { ...found, isComplete: true, objectBytes, storedAtMs, isMultipartOpen, tail: undefined }
  }
  if (listed === undefined) throw gone(record)
  const tail = first && (await findTail(bucket, id, { first, partsEndBytes: endBytes }, options))
  return { ...found, isComplete: false, tail, storedAtMs: lastStoredAtMs([...found.parts, tail]) }
}

function lastStoredAtMs(
  stored: readonly ({ readonly storedAtMs?: number | undefined } | undefined)[],
): number | undefined {
  return stored.reduce((last: number | undefined, { storedAtMs } = {}) => {
    return storedAtMs === undefined || storedAtMs < (last ?? 0) ? last : storedAtMs
  }, undefined)
}

/**
 * A final upload has its object or nothing: what an attempt left of parts says nothing of the next one. No length is
 * known of one whose pieces were not finished when it was recorded.
 */
async function findFinal(
  bucket: S3Bucket,
  { info }: UploadRecord,
  options: CallOptions,
): Promise<UploadProgress> {
  const objectBytes = (await findObject(bucket, info.id, options))?.sizeBytes
  const isComplete = objectBytes !== undefined && objectBytes === (info.lengthBytes ?? objectBytes)
  return isComplete ? { ...COMPLETE, objectBytes } : NO_PROGRESS
}

/** The parts in the store; none for an upload that has no multipart upload yet; undefined if the store knows none. */
async function findParts(
  bucket: S3Bucket,
  { info, multipartId, checksumAlgorithm }: UploadRecord,
  options: CallOptions,
): Promise<StoredPart[] | undefined> {
  if (multipartId === undefined) return []
  // The smallest parts there can be: the size may have been set otherwise when they were stored.
  const expectedParts = partCountOf(info.lengthBytes, MIN_PART_BYTES)
  try {
    return await listParts(
      bucket,
      { key: info.id, uploadId: multipartId, checksumAlgorithm },
      { ...options, expectedParts },
    )
  } catch (error) {
    if (isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) return undefined
    throw error
  }
}

/**
 * The object, if it makes the upload complete: it is there, and has its length. No answer about parts is
 * taken for it. A record without a length may be an old one that arrived late; then the object is what counts.
 */
async function findWhole(
  bucket: S3Bucket,
  { info, multipartId }: UploadRecord,
  seen: { readonly endBytes: number; readonly wereListed: boolean; readonly options: CallOptions },
): Promise<ObjectHead | undefined> {
  const { lengthBytes } = info
  // Swift goes on listing the parts of a completed upload, hence the look when all of them are there.
  const areAllThere = lengthBytes !== undefined && seen.endBytes >= lengthBytes
  if (multipartId !== undefined && seen.wereListed && !areAllThere) return undefined
  const object = await findObject(bucket, info.id, seen.options)
  return lengthBytes === undefined || object?.sizeBytes === lengthBytes ? object : undefined
}

/** An empty part is none: it marks a number whose bytes were given up (write-parts.ts). */
function splitAtGap(listed: readonly StoredPart[]): Pick<UploadProgress, 'parts' | 'strayPartNumbers'> {
  const stored = listed.filter((part) => part.sizeBytes > 0)
  const gap = stored.findIndex((part, index) => part.partNumber !== index + 1)
  const end = gap === -1 ? stored.length : gap
  return {
    parts: stored.slice(0, end),
    strayPartNumbers: stored.slice(end).map((part) => part.partNumber),
  }
}

function gone({ info, multipartId }: UploadRecord): TuskerError {
  return new TuskerError('ERR_UPLOAD_GONE', { details: { id: info.id, multipartId } })
}
