import type { z } from 'zod'
import type { Driver } from '../core/driver.ts'
import type { BufferSpace } from './buffers/part-buffer.ts'
import { type LocalOptions, localOptionsSchema } from './drivers/local/options.ts'
import { type S3Options, s3OptionsSchema } from './drivers/s3/options.ts'

/** A location's driver and the options for it. */
export type DriverChoice =
  | { readonly driver: 'local'; readonly options: LocalOptions }
  | { readonly driver: 's3'; readonly options: S3Options }

export type DriverKind = DriverChoice['driver']

/** Options by the driver they are for. */
type OptionsOf<Kind extends DriverKind> = Extract<DriverChoice, { driver: Kind }>['options']

/** What all locations share. */
interface DriverResources {
  /** For bytes on their way into a storage that is not this machine's disk. */
  readonly bufferSpace: BufferSpace
}

interface DriverEntry<Kind extends DriverKind> {
  readonly schema: z.ZodType<OptionsOf<Kind>> & { readonly in: z.ZodObject }
  /** Loads the driver's code, and its SDK with it, only when a location uses it. */
  readonly open: (options: OptionsOf<Kind>, resources: DriverResources) => Promise<Driver>
}

/** Every driver there is: adding one means a folder and a line here. */
export const DRIVERS: { readonly [Kind in DriverKind]: DriverEntry<Kind> } = {
  local: {
    schema: localOptionsSchema,
    open: async (options) => await (await import('./drivers/local/driver.ts')).openDriver(options),
  },
  s3: {
    schema: s3OptionsSchema,
    open: async (options, { bufferSpace }) =>
      await (await import('./drivers/s3/driver.ts')).openDriver(options, bufferSpace),
  },
}

export const DRIVER_KINDS = Object.keys(DRIVERS) as DriverKind[]
