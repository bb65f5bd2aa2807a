import type { Operation } from './operation.ts'
import { S3Error } from './s3-error.ts'
import type { Bucket, MultipartUpload } from './state.ts'
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
  /** Ceph: Complete has to name every part that is there; S3 leaves out those that it does not name. */
  readonly everyPartNamed?: boolean
  /** Swift: ListParts goes on answering after Complete. */
  readonly listPartsAfterComplete?: boolean
  /** Servers from before 2022 ignore checksums; R2 for a while refused requests that had some. */
  readonly checksums?: 'ignore' | 'refuse'
  /** R2: all parts of an upload but the last must have one size. */
  readonly equalParts?: boolean
}

/** What faults do to a listing. */
export interface ListingFaults {
  /** How many writes back in time it is. */
  readonly writesAgo: number
  /** How many entries a page has at most, whatever was asked for. */
  readonly maxEntries: number
}

/** A request that has passed all checks. */
export interface Call extends Operation {
  readonly body: Buffer
  /** x-amz-checksum-* of the body, verified; from the headers or behind the body. */
  readonly checksums: Readonly<Record<string, string>>
  readonly region: string
  readonly buckets: Map<string, Bucket>
  readonly minPartSizeBytes: number
  readonly quirks: Quirks
  readonly listingFaults: ListingFaults
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
export function bucketOf({ buckets, bucket }: Pick<Call, 'buckets' | 'bucket'>): Bucket {
  const found = buckets.get(bucket)
  if (found === undefined) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist')
  return found
}

/** @throws S3Error NoSuchUpload */
export function uploadOf(call: Call): MultipartUpload {
  const upload = bucketOf(call).uploads.get(call.uploadId)
  if (upload === undefined || upload.key !== call.key || upload.isCompleted)
    throw new S3Error(
      'NoSuchUpload',
      'The specified multipart upload does not exist: it may be aborted or completed',
    )
  return upload
}
