import type { S3Bucket } from './bucket.ts'
import type { UploadProgress } from './upload-progress.ts'
import type { UploadRecord } from './upload-record.ts'

/** What the uploads of a location share. */
export interface UploadContext {
  readonly bucket: S3Bucket
  readonly partSizeBytes: number
  /** Waits for one of the slots for parts in flight; gives back how to free it. */
  readonly acquirePartSlot: () => Promise<() => void>
}

/** An upload and what the bucket holds of it. */
export interface UploadState {
  readonly record: UploadRecord
  readonly progress: UploadProgress
}
