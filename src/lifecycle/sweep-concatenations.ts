import type { Clock } from '../core/ports.ts'
import type { UploadId } from '../core/upload-id.ts'
import type { StoredUpload, UploadStore } from '../core/upload-store.ts'

/** What the protocol knows of the final uploads of a location. */
export interface FinalUploads {
  /** Whether a final upload that is not made yet wants the partial one. */
  needs(partialId: UploadId): boolean
  /** Makes a final upload that waits for its partial ones, if they are finished by now. */
  resume(id: UploadId): Promise<void>
  /** Forgets one that is no more. */
  cancel(id: UploadId): Promise<void>
}

export interface ConcatenationSweepOptions {
  readonly store: UploadStore
  readonly clock: Clock
  /** How long a partial upload is kept that has become a piece of another; for ever if undefined. */
  readonly partialRetentionMs: number | undefined
  readonly finals: FinalUploads
}

/** Whether a partial upload has become a piece of another so long ago that nobody will use it again. */
export function isUsedUp({ partial }: StoredUpload, options: ConcatenationSweepOptions): boolean {
  const { clock, partialRetentionMs } = options
  if (partial?.usedAt === undefined || partialRetentionMs === undefined) return false
  return clock() - partial.usedAt.getTime() > partialRetentionMs
}

/** A process that ended knew which final uploads wait for their partial ones: nobody else looks after those. */
export async function resumePending(
  { id, isComplete, isPending = false }: StoredUpload,
  { store, finals }: ConcatenationSweepOptions,
): Promise<void> {
  if (!isPending) return
  if (isComplete) await store.concatenation?.clearPending(id)
  else await finals.resume(id)
}
