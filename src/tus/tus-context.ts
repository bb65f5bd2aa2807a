import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Expiration, expiryOf } from '../core/expiry.ts'
import type { LocationMode } from '../core/location.ts'
import type { Clock, Locker, Logger } from '../core/ports.ts'
import type { UploadId } from '../core/upload-id.ts'
import type { UploadStore } from '../core/upload-store.ts'
import type { Upload, UploadInfo } from '../core/upload.ts'
import type { Concatenations } from './concatenation/concatenations.ts'
import type { RequestBody } from './request-body.ts'

export interface TusServerOptions extends Expiration {
  readonly locationName: string
  readonly mode: LocationMode
  readonly store: UploadStore
  readonly locker: Locker
  readonly logger: Logger
  readonly clock: Clock
  /** Largest upload, in bytes; no limit if undefined. */
  readonly maxSizeBytes: number | undefined
  /** How long a partial upload is kept that has become a piece of a final one; for ever if undefined. */
  readonly partialRetentionMs: number | undefined
  /** How long a client waits for the first, and each further, byte of an answer that takes long; 10 s if left out. */
  readonly concatKeepAliveMs?: number | undefined
  /** How long a body may be silent. */
  readonly bodyIdleTimeoutMs: number
  /** Whether clients of the IETF protocol get 104 responses, which not every proxy passes on. */
  readonly rufhInformational: boolean
  /** The URL of an upload, as the client that asks can reach it. */
  readonly uploadUrl: (request: IncomingMessage, id: UploadId) => string
}

/** What the server of a location gives its handlers. */
export interface TusContext extends TusServerOptions {
  readonly concatenations: Concatenations
}

/** One request to the protocol. */
export interface TusRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  /** The request's body, not yet read. */
  readonly body: RequestBody
}

/** A request on an upload. */
export interface UploadRequest extends TusRequest {
  readonly id: UploadId
}

export type UploadHandler = (options: TusContext, exchange: UploadRequest) => Promise<void>

/** What the lock of an upload is called: ids are unique, but the location says whose lock it is in a log. */
export function lockName(
  { locationName }: Pick<TusServerOptions, 'locationName'>,
  { id }: Pick<UploadInfo, 'id'>,
): string {
  return `${locationName}/${id}`
}

/** Sets Upload-Expires for an upload that is going to expire (EX-02, EX-03), and takes it back once it is complete. */
export function setUploadExpires(response: ServerResponse, upload: Upload, options: TusServerOptions): void {
  const expiry = expiryOf(upload, options)
  if (expiry) response.setHeader('Upload-Expires', expiry.toUTCString())
  else response.removeHeader('Upload-Expires')
}
