import * as bucket from './bucket-operations.ts'
import * as copy from './copy-operations.ts'
import * as listing from './listing.ts'
import * as multipart from './multipart-operations.ts'
import * as object from './object-operations.ts'
import type { Handler } from './reply.ts'

/** Everything that this server can do, by its name in the S3 API. */
export const HANDLERS: Readonly<Record<string, Handler>> = {
  ListBuckets: bucket.listBuckets,
  CreateBucket: bucket.createBucketOperation,
  HeadBucket: bucket.headBucket,
  GetBucketLocation: bucket.getBucketLocation,
  DeleteBucket: bucket.deleteBucket,
  ListObjectsV2: listing.listObjects,
  DeleteObjects: bucket.deleteObjects,
  ListMultipartUploads: listing.listMultipartUploads,
  PutObject: object.putObject,
  GetObject: object.getObject,
  HeadObject: object.headObject,
  DeleteObject: object.deleteObject,
  CopyObject: copy.copyObject,
  GetObjectTagging: object.getObjectTagging,
  CreateMultipartUpload: multipart.createMultipartUpload,
  UploadPart: multipart.uploadPart,
  UploadPartCopy: copy.uploadPartCopy,
  ListParts: multipart.listParts,
  CompleteMultipartUpload: multipart.completeMultipartUpload,
  AbortMultipartUpload: multipart.abortMultipartUpload,
}
