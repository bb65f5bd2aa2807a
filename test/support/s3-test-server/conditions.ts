import { S3Error } from './s3-error.ts'
import type { StoredObject } from './state.ts'

type Headers = Readonly<Record<string, string>>

/** Conditional writes: `If-None-Match: *` and `If-Match: etag`. @throws S3Error PreconditionFailed, NoSuchKey */
export function requireWriteConditions(headers: Headers, existing: StoredObject | undefined): void {
  const { 'if-none-match': ifNoneMatch, 'if-match': ifMatch } = headers
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*')
    throw new S3Error('NotImplemented', 'If-None-Match of a write can only be *')
  if (ifNoneMatch === '*' && existing !== undefined) fail('If-None-Match')
  if (ifMatch === undefined) return
  if (existing === undefined) throw new S3Error('NoSuchKey')
  if (!matches(ifMatch, existing)) fail('If-Match')
}

/** Conditional reads (RFC 9110, 13.2.2: an ETag goes before a date). @throws S3Error PreconditionFailed, NotModified */
export function requireReadConditions(headers: Headers, object: StoredObject): void {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  if (ifMatch !== undefined && !matches(ifMatch, object)) fail('If-Match')
  if (ifMatch === undefined && isNewer(object, headers['if-unmodified-since'])) fail('If-Unmodified-Since')
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, object)) throw new S3Error('NotModified')
  const since = headers['if-modified-since']
  if (ifNoneMatch === undefined && since !== undefined && !isNewer(object, since))
    throw new S3Error('NotModified')
}

/** Conditions on the source of a copy. @throws S3Error PreconditionFailed */
export function requireCopyConditions(headers: Headers, source: StoredObject): void {
  const ifMatch = headers['x-amz-copy-source-if-match']
  const ifNoneMatch = headers['x-amz-copy-source-if-none-match']
  if (ifMatch !== undefined && !matches(ifMatch, source)) fail('x-amz-copy-source-If-Match')
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, source)) fail('x-amz-copy-source-If-None-Match')
}

/** S3 takes ETags with and without their quotes. */
function matches(condition: string, { etag }: StoredObject): boolean {
  const wanted = condition.split(',').map((text) => text.trim().replaceAll('"', ''))
  return wanted.includes('*') || wanted.includes(etag.replaceAll('"', ''))
}

/** Whether an object changed after a date; HTTP dates have whole seconds. A date that is none says nothing. */
function isNewer({ modifiedAt }: StoredObject, date: string | undefined): boolean {
  const time = Date.parse(date ?? '')
  return Math.floor(modifiedAt.getTime() / 1000) * 1000 > time
}

function fail(condition: string): never {
  throw new S3Error('PreconditionFailed', `At least one of the pre-conditions did not hold: ${condition}`)
}
