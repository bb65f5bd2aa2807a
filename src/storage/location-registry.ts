import type { Driver } from '../core/driver.ts'
import { TuskerError } from '../core/errors.ts'
import type { Location, LocationMode } from '../core/location.ts'

/** Makes a driver of its options; called when a location is first used. */
export type OpenDriver<Options> = (options: Options) => Promise<Driver>

export interface LocationOptions<Options> {
  /** The name under which the driver was registered. */
  readonly driver: string
  readonly mode: LocationMode
  readonly options: Options
}

interface Entry {
  readonly mode: LocationMode
  readonly open: () => Promise<Driver>
  opened: Promise<Location> | undefined
}

/** Storage locations by name, each opened once, when it is first needed. */
export class LocationRegistry {
  // A driver only ever gets the options that were registered with its name, whose types are checked there.
  readonly #drivers = new Map<string, OpenDriver<never>>()
  readonly #locations = new Map<string, Entry>()
  #isClosed = false

  /** @throws Error if there is a driver of that name */
  registerDriver<Options>(name: string, open: OpenDriver<Options>): void {
    if (this.#drivers.has(name)) throw new Error(`The driver "${name}" is registered already`)
    this.#drivers.set(name, open)
  }

  /** @throws Error if there is a location of that name, or no such driver */
  registerLocation<Options>(name: string, { driver, mode, options }: LocationOptions<Options>): void {
    if (this.#locations.has(name)) throw new Error(`The location "${name}" is registered already`)
    const openDriver = this.#drivers.get(driver)
    if (openDriver === undefined) {
      throw new Error(`There is no driver "${driver}"; there are ${[...this.#drivers.keys()].join(', ')}`)
    }
    // async: a driver that throws at once is tried again too, like one that rejects.
    const open = async () => await openDriver(options as never)
    this.#locations.set(name, { mode, open, opened: undefined })
  }

  /** The names, in the order of their registration. */
  names(): string[] {
    return [...this.#locations.keys()]
  }

  /**
   * The location, opened if it was not; one that could not be opened is tried again by the next call.
   * @throws TuskerError ERR_LOCATION_NOT_FOUND; whatever the driver could not be opened for
   */
  async location(name: string): Promise<Location> {
    const entry = this.#locations.get(name)
    if (entry === undefined) throw new TuskerError('ERR_LOCATION_NOT_FOUND', { details: { location: name } })
    if (this.#isClosed) throw new TuskerError('ERR_SERVER_SHUTDOWN', { details: { location: name } })
    entry.opened ??= this.#open(name, entry)
    return await entry.opened
  }

  async #open(name: string, entry: Entry): Promise<Location> {
    try {
      return { name, mode: entry.mode, driver: await entry.open() }
    } catch (error) {
      entry.opened = undefined
      throw error
    }
  }

  /** Closes every driver that was opened, whatever happens to the others. @throws AggregateError of those that failed */
  async close(): Promise<void> {
    this.#isClosed = true
    const closed = await Promise.allSettled([...this.#locations.values()].map(closeEntry))
    const errors = closed.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    )
    if (errors.length > 0) throw new AggregateError(errors, 'Not every storage location could be closed')
  }
}

async function closeEntry({ opened }: Entry): Promise<void> {
  // One that never opened has nothing to close.
  const location = await opened?.catch(() => undefined)
  await location?.driver.close()
}
