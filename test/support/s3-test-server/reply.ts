import type { Bucket, MultipartUpload } from './state.ts'
import type { Operation } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { type XmlValue, xmlDocument } from './xml.ts'

/** What is answered. */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

/** Ways in which other servers differ from AWS. */
export interface Quirks {
  /** Ceph: ListParts of an upload that is not there says NoSuchKey. */
  readonly noSuchKeyForListParts?: boolean
  /** Ceph: Complete answers an empty ETag. */
  readonly emptyCompleteEtag?: boolean
  /** Swift: ListParts goes on answering after Complete. */
  readonly listPartsAfterComplete?: boolean
}

/** A request that has passed all checks. */
export interface Call extends Operation {
  readonly body: Buffer
  readonly buckets: Map<string, Bucket>
  readonly minPartSizeBytes: number
  readonly quirks: Quirks
  /** A fault: how many parts back in time a listing is. */
  readonly writesAgo: number
}

export type Handler = (call: Call) => Reply

export function xmlReply(
  root: string,
  content: XmlValue,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml', ...headers },
    body: xmlDocument(root, content),
  }
}

/** @throws S3Error NoSuchBucket */
export function bucketOf({ buckets, bucket }: Call): Bucket {
  const found = buckets.get(bucket)
  if (found === undefined) throw new S3Error('NoSuchBucket')
  return found
}

/** @throws S3Error NoSuchUpload */
export function uploadOf(call: Call): MultipartUpload {
  const upload = bucketOf(call).uploads.get(call.uploadId)
  if (upload === undefined || upload.key !== call.key || upload.isCompleted) throw new S3Error('NoSuchUpload')
  return upload
}

/** Headers that belong to the object and come back with it. */
export function objectHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept =
    /^(?:x-amz-meta-.*|x-amz-acl|x-amz-server-side-encryption.*|x-amz-storage-class|content-disposition|content-language|cache-control|expires)$/
  return Object.fromEntries(Object.entries(headers).filter(([name]) => kept.test(name)))
}
