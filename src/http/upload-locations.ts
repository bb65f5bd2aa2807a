import type { TusLocation } from '../tus/tus-locations.ts'

/** The locations of the server, opened when they are first needed. */
export interface UploadLocations {
  readonly names: readonly string[]
  readonly defaultName: string
  /** @throws TuskerError ERR_LOCATION_NOT_FOUND */
  find(name: string): Promise<TusLocation>
}
