import { TuskerError } from '../core/errors.ts'
import type { Location } from '../core/location.ts'
import type { UploadStore } from '../core/upload-store.ts'
import type { LocationRegistry } from '../storage/location-registry.ts'
import { TusServer } from './tus-server.ts'
import type { TusServerOptions } from './tus-context.ts'

/** A location that takes uploads, and the protocol over it. */
export interface TusLocation {
  readonly location: Location
  readonly uploads: UploadStore
  readonly tus: TusServer
}

export interface TusLocationsOptions extends Omit<
  TusServerOptions,
  'locationName' | 'mode' | 'store' | 'uploadUrl'
> {
  readonly registry: LocationRegistry
  readonly defaultName: string
  /** How the URLs of a location's uploads are made. */
  readonly uploadUrls: (locationName: string) => TusServerOptions['uploadUrl']
}

/** One tus server for each location, made when it is first needed. */
export class TusLocations {
  readonly names: readonly string[]
  readonly defaultName: string
  readonly #options: TusLocationsOptions
  readonly #servers = new Map<string, TusServer>()

  constructor(options: TusLocationsOptions) {
    this.names = options.registry.names()
    this.defaultName = options.defaultName
    this.#options = options
  }

  /** @throws TuskerError ERR_LOCATION_NOT_FOUND; whatever the location can't be opened for */
  async find(name: string): Promise<TusLocation> {
    const location = await this.#options.registry.location(name)
    const { uploads } = location.driver
    if (uploads === undefined)
      throw new TuskerError('ERR_LOCATION_NOT_FOUND', { details: { reason: 'takes no uploads' } })
    return { location, uploads, tus: this.#serverOf(location, uploads) }
  }

  #serverOf(location: Location, store: UploadStore): TusServer {
    const known = this.#servers.get(location.name)
    if (known) return known
    const { uploadUrls, ...options } = this.#options
    const { name: locationName, mode } = location
    const server = new TusServer({
      ...options,
      locationName,
      mode,
      store,
      uploadUrl: uploadUrls(locationName),
    })
    this.#servers.set(locationName, server)
    return server
  }

  /** Ends the bodies that are being received, everywhere; resolves when what arrived is stored and answered. */
  async interrupt(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.interrupt()))
  }
}
