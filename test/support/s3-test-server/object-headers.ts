import { S3Error } from './s3-error.ts'

type Headers = Readonly<Record<string, string>>

const KEPT =
  /^(?:x-amz-meta-.*|x-amz-acl|x-amz-server-side-encryption.*|x-amz-storage-class|content-(?:disposition|language|encoding)|cache-control|expires)$/

const MAX_METADATA_BYTES = 2048

const MAX_TAGS = 10

const ACLS = new Set([
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
])

const ENCRYPTIONS = new Set(['AES256', 'aws:kms', 'aws:kms:dsse'])

/** What belongs to an object beside its bytes. */
export interface Description {
  readonly contentType: string | undefined
  readonly headers: Record<string, string>
  readonly tags: string | undefined
}

/** Reads what a request that creates an object says of it. @throws S3Error for what S3 would not take */
export function parseDescription(headers: Headers): Description {
  requireOneOf(ACLS, headers['x-amz-acl'], 'x-amz-acl')
  requireOneOf(ENCRYPTIONS, headers['x-amz-server-side-encryption'], 'x-amz-server-side-encryption')
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => KEPT.test(name)))
  requireSmallMetadata(kept)
  requireTags(headers['x-amz-tagging'])
  return {
    contentType: headers['content-type'],
    headers: withoutTransferCoding(kept),
    tags: headers['x-amz-tagging'],
  }
}

/** The encryption headers, which S3 repeats in its answers to writes. */
export function encryptionHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith('x-amz-server-side-encryption')),
  )
}

function requireOneOf(known: ReadonlySet<string>, value: string | undefined, name: string): void {
  if (value !== undefined && !known.has(value)) throw new S3Error('InvalidArgument', `${name}: ${value}`)
}

function requireSmallMetadata(headers: Headers): void {
  const sizes = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-amz-meta-'))
    .map(([name, value]) => name.length - 'x-amz-meta-'.length + Buffer.byteLength(value, 'latin1'))
  if (sizes.reduce((sum, size) => sum + size, 0) > MAX_METADATA_BYTES) throw new S3Error('MetadataTooLarge')
}

function requireTags(tagging: string | undefined): void {
  const names = [...new URLSearchParams(tagging ?? '').keys()]
  if (names.length > MAX_TAGS || new Set(names).size < names.length) throw new S3Error('InvalidTag')
}

/** `aws-chunked` is about the way here, not about the object. */
function withoutTransferCoding(headers: Record<string, string>): Record<string, string> {
  const { 'content-encoding': encoding = '', ...rest } = headers
  const codings = encoding.split(',').map((coding) => coding.trim())
  const left = codings.filter((coding) => coding !== '' && coding !== 'aws-chunked').join(',')
  return left === '' ? rest : { ...rest, 'content-encoding': left }
}
