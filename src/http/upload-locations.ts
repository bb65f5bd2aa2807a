import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Location } from '../core/location.ts'
import type { UploadId } from '../core/upload-id.ts'

/** A location that takes uploads, and the tus server over it: TusLocation of tus/ is one. */
export interface UploadLocation {
  readonly location: Location
  readonly tus: {
    /** Upload-Limit: what holds for every upload of the location (IETF protocol). */
    readonly uploadLimit: string
    /**
     * Answers a tus request on an upload, or on the collection if there is no id.
     * @throws TuskerError for a refusal; the headers that belong to it are on the response by then
     */
    serve(request: IncomingMessage, response: ServerResponse, id: UploadId | undefined): Promise<void>
    readonly concatenations: {
      /** Somebody wants a file that is not there: should it be one that is made of others, it is, if it can be. */
      resumeInBackground(id: UploadId): void
    }
  }
}

/** The locations of the server, opened when they are first needed. */
export interface UploadLocations {
  readonly names: readonly string[]
  readonly defaultName: string
  /** @throws TuskerError ERR_LOCATION_NOT_FOUND */
  find(name: string): Promise<UploadLocation>
}
