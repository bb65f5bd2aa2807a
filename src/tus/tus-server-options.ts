import type { IncomingMessage } from 'node:http'
import type { LocationMode } from '../core/location.ts'
import type { Clock, Locker, Logger } from '../core/ports.ts'
import type { UploadId } from '../core/upload-id.ts'
import type { UploadStore } from '../core/upload-store.ts'

/** What one location's tus server is made of. */
export interface TusServerOptions {
  readonly locationName: string
  readonly mode: LocationMode
  readonly store: UploadStore
  readonly locker: Locker
  readonly logger: Logger
  readonly clock: Clock
  /** The largest upload that is accepted; undefined leaves it to the store. */
  readonly maxSizeBytes: number | undefined
  /** How long an unfinished upload is kept after its creation; undefined keeps it for ever. */
  readonly expirationMs: number | undefined
  /** How long a body may stay silent while the server is ready to take more. */
  readonly bodyIdleTimeoutMs: number
  /** The URL to hand out for an upload: absolute, or relative to the request's. */
  readonly uploadUrl: (request: IncomingMessage, id: UploadId) => string
}
