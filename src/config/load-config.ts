import { tmpdir } from 'node:os'
import type { z } from 'zod'
import { type LocationConfig, faultsOf, isLocationVariable, readLocations } from './locations.ts'
import { defaultBufferMemoryBytes } from './memory-limit.ts'
import { type ConfigFault, type Env, readEnv } from './read-env.ts'
import { SETTINGS, settingsSchema } from './schema.ts'

type Settings = z.output<typeof settingsSchema>

/** Everything that an operator can set, checked; durations in milliseconds, sizes in bytes. */
export interface Config {
  readonly server: {
    readonly host: string
    readonly port: number
    readonly publicUrl: string | undefined
    readonly relativeLocation: boolean
    readonly trustProxy: boolean | number | string[]
    readonly shutdownTimeoutMs: number
    readonly bodyIdleTimeoutMs: number
  }
  readonly logLevel: Settings['LOG_LEVEL']
  readonly cors: {
    readonly enabled: boolean
    readonly origins: boolean | string[]
    readonly credentials: boolean
    readonly allowedHeaders: string[]
    readonly exposedHeaders: string[]
    readonly maxAgeSeconds: number
  }
  readonly uploads: {
    readonly maxSizeBytes: number | undefined
    readonly expirationMs: number | undefined
    readonly expirationMode: 'absolute' | 'sliding'
    readonly partialRetentionMs: number | undefined
    readonly cleanupSchedule: string | undefined
    readonly lockTimeoutMs: number
    readonly rufhInformational: boolean
  }
  readonly buffers: { readonly memoryBytes: number; readonly spillDirectory: string }
  readonly downloads: { readonly enabled: boolean; readonly inlineTypes: string[] }
  readonly locations: readonly LocationConfig[]
  readonly defaultLocation: string
}

/** All that is wrong with a configuration, a line a variable. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ variable, message }) => `  ${variable} ${message}`)
    super(`The configuration is not valid:\n${lines.join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

export interface LoadedConfig {
  readonly config: Config
  /** What is probably not meant so, but does no harm. */
  readonly warnings: readonly string[]
  /** The values as they were given, for the listing. */
  readonly env: Env
}

/**
 * Reads the configuration from environment variables.
 * @throws ConfigError that lists every fault
 */
export function loadConfig(variables: Readonly<Record<string, string | undefined>>): LoadedConfig {
  const listed = listedNames(variables)
  const { env, faults } = readEnv(variables, (name) => name in SETTINGS || isLocationVariable(name, listed))
  const settings = settingsSchema.safeParse(valuesOf(env))
  const names = settings.success ? settings.data.STORAGE_LOCATIONS : listed
  const read = readLocations(names, env)
  const wanted =
    env.get('STORAGE_DEFAULT_LOCATION')?.value ?? names.find((name) => modeOf(name, read.locations) === 'rw')
  const all = [
    ...faults,
    ...faultsOf(settings.error),
    ...read.faults,
    ...(read.faults.length > 0 ? [] : defaultFaults(wanted, read.locations)),
  ]
  if (!settings.success || wanted === undefined || all.length > 0) throw new ConfigError(all)
  return { config: toConfig(settings.data, read.locations, wanted), warnings: read.warnings, env }
}

/** The names in STORAGE_LOCATIONS, wherever they come from: they say which variables there are. */
function listedNames(variables: Readonly<Record<string, string | undefined>>): string[] {
  const { env } = readEnv(variables, (name) => name === 'STORAGE_LOCATIONS')
  return SETTINGS.STORAGE_LOCATIONS.parse(env.get('STORAGE_LOCATIONS')?.value)
}

function valuesOf(env: Env): Record<string, string> {
  return Object.fromEntries([...env].map(([name, { value }]) => [name, value]))
}

function modeOf(name: string, locations: readonly LocationConfig[]): LocationConfig['mode'] | undefined {
  return locations.find((location) => location.name === name)?.mode
}

function defaultFaults(wanted: string | undefined, locations: readonly LocationConfig[]): ConfigFault[] {
  const variable = 'STORAGE_DEFAULT_LOCATION'
  if (wanted === undefined) {
    return [{ variable, message: 'has no location to be: none of STORAGE_LOCATIONS has MODE rw' }]
  }
  const mode = modeOf(wanted, locations)
  if (mode === undefined) return [{ variable, message: 'must be one of STORAGE_LOCATIONS' }]
  return mode === 'rw'
    ? []
    : [{ variable, message: `must be a location that takes new uploads, not one with MODE ${mode}` }]
}

function toConfig(settings: Settings, locations: readonly LocationConfig[], defaultLocation: string): Config {
  return Object.freeze({
    server: {
      host: settings.HOST,
      port: settings.PORT,
      publicUrl: settings.PUBLIC_URL,
      relativeLocation: settings.TUS_RELATIVE_LOCATION,
      trustProxy: settings.IP_TRUST_PROXY,
      shutdownTimeoutMs: settings.SHUTDOWN_TIMEOUT,
      bodyIdleTimeoutMs: settings.BODY_IDLE_TIMEOUT,
    },
    logLevel: settings.LOG_LEVEL,
    cors: {
      enabled: settings.CORS_ENABLED,
      origins: settings.CORS_ORIGIN,
      credentials: settings.CORS_CREDENTIALS,
      allowedHeaders: settings.CORS_ALLOWED_HEADERS,
      exposedHeaders: settings.CORS_EXPOSED_HEADERS,
      maxAgeSeconds: settings.CORS_MAX_AGE,
    },
    uploads: {
      maxSizeBytes: settings.FILES_MAX_UPLOAD_SIZE,
      expirationMs: settings.TUS_UPLOAD_EXPIRATION,
      expirationMode: settings.TUS_UPLOAD_EXPIRATION_MODE,
      partialRetentionMs: settings.TUS_PARTIAL_RETENTION,
      cleanupSchedule: settings.TUS_CLEANUP_SCHEDULE,
      lockTimeoutMs: settings.LOCK_TIMEOUT,
      rufhInformational: settings.RUFH_INFORMATIONAL,
    },
    buffers: {
      memoryBytes: settings.UPLOAD_BUFFER_MEMORY ?? defaultBufferMemoryBytes(),
      spillDirectory: settings.UPLOAD_SPILL_DIRECTORY ?? tmpdir(),
    },
    downloads: { enabled: settings.DOWNLOADS_ENABLED, inlineTypes: settings.DOWNLOADS_INLINE_TYPES },
    locations,
    defaultLocation,
  })
}
