import { elementText } from './xml-text.ts'
import { type ErrorCode, TuskerError } from '../../../core/errors.ts'

/**
 * Codes for "it is not there". Ceph and Spaces say NoSuchKey where AWS says NoSuchUpload; HeadObject has no body, so
 * the SDK calls its 404 NotFound.
 */
const MISSING = new Set(['NoSuchKey', 'NoSuchUpload', 'NotFound'])

const FULL = new Set(['QuotaExceeded', 'XMinioStorageFull', 'EntityTooLarge', 'InsufficientStorage'])

/** Codes that a later try may not meet: S3 throttles with 503 SlowDown, others with 429 or these names. */
const TRANSIENT = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'ServiceUnavailable',
  'InternalError',
  'OperationAborted',
  // Bits that were flipped on the way: what we hold is still right.
  'BadDigest',
  'XAmzContentSHA256Mismatch',
])

/** What S3 answered instead of doing it, in the shape of the SDK's own errors. */
export class S3AnswerError extends Error {
  readonly $metadata: { readonly httpStatusCode: number }

  /** @param body the XML of the answer; may be empty or not XML, from a proxy in between */
  constructor(status: number, body: string) {
    super(elementText(body, 'Message') ?? `S3 answered ${status}`)
    this.name = elementText(body, 'Code') ?? `Status${status}`
    this.$metadata = { httpStatusCode: status }
  }
}

/** Whether a later try may do better. */
export function isTransient(error: unknown): boolean {
  return codeOf(nameOf(error), statusOf(error)) === 'ERR_STORAGE_UNAVAILABLE'
}

/** An error of S3 in our words; its cause keeps the original for the log. */
export function toStorageError(error: unknown, operation: string, key: string): TuskerError {
  if (error instanceof TuskerError) return error
  const s3Code = nameOf(error)
  return new TuskerError(codeOf(s3Code, statusOf(error)), {
    cause: error,
    details: { operation, key, s3Code, s3Status: statusOf(error) },
  })
}

function codeOf(s3Code: string, status: number | undefined): ErrorCode {
  if (MISSING.has(s3Code)) return 'ERR_OBJECT_NOT_FOUND'
  if (FULL.has(s3Code) || status === 507) return 'ERR_STORAGE_FULL'
  if (s3Code === 'InvalidRange' || status === 416) return 'ERR_RANGE_NOT_SATISFIABLE'
  if (TRANSIENT.has(s3Code)) return 'ERR_STORAGE_UNAVAILABLE'
  if (status === 501) return 'ERR_STORAGE_REJECTED'
  // No status: no answer came (refused, reset, timed out, aborted).
  if (status === undefined || status >= 500 || status === 429) return 'ERR_STORAGE_UNAVAILABLE'
  return 'ERR_STORAGE_REJECTED'
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'Unknown'
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}

/** What an answer of S3 must have. @throws TuskerError ERR_STORAGE_UNAVAILABLE */
export function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) {
    throw new TuskerError('ERR_STORAGE_UNAVAILABLE', { details: { reason: `an answer without ${name}` } })
  }
  return value
}
