import type { Driver } from './driver.ts'

/**
 * What may be done in a location. rw: everything. drain: open uploads may be finished, none may be created.
 * ro: reading only.
 */
export type LocationMode = 'rw' | 'drain' | 'ro'

/** A named storage location as the layers above see it. */
export interface Location {
  readonly name: string
  readonly mode: LocationMode
  readonly driver: Driver
}
