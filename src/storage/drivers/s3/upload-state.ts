import type { PartBuffer } from '../../buffers/part-buffer.ts'
import type { S3Bucket } from './bucket.ts'
import type { RunningChecksum } from './checksum.ts'
import type { RememberedUploads } from './remembered-uploads.ts'
import type { UploadProgress } from './upload-progress.ts'
import type { UploadRecord } from './upload-record.ts'

/** What the uploads of a location share. */
export interface UploadContext {
  readonly bucket: S3Bucket
  readonly partSizeBytes: number
  /** Whether parts never grow, so that an upload of unknown length ends at 10,000 of them. */
  readonly equalParts: boolean
  readonly remembered: RememberedUploads
  /** Waits for one of the slots for parts in flight; gives back how to free it. */
  readonly acquirePartSlot: () => Promise<() => void>
}

/** An upload and what the bucket holds of it. */
export interface UploadState {
  readonly record: UploadRecord
  /** Whether the record is in the bucket: not before it must be, for an upload whose first bytes came with its creation. */
  readonly isRecorded: boolean
  readonly progress: UploadProgress
  /** The bytes of the tail, if they are still in memory: they belong to whoever holds the state. */
  readonly buffer?: PartBuffer<RunningChecksum> | undefined
}
