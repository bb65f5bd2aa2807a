import type { Content } from './content.ts'
import type { RunPlan } from './plan.ts'
import type { UploadWatch } from './upload-watch.ts'

/** What a client needs. */
export interface ClientRun {
  readonly plan: RunPlan
  readonly content: Content
  readonly uploadsUrl: string
  readonly watch: UploadWatch
  /** Aborted when the client is to stop where it is. */
  readonly signal: AbortSignal
}

export interface ClientResult {
  readonly outcome: 'success' | 'error' | 'stopped'
  /** Of the upload that it worked on last, if it ever learned of one. */
  readonly url: string | undefined
}

export const METADATA = { filename: 'ünïcode name.bin', filetype: 'application/octet-stream' }

/** As Upload-Metadata, in the words of tus-js-client. */
export function encodeMetadata(): string {
  return Object.entries(METADATA)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')
}
