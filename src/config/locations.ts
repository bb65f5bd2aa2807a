import { resolve } from 'node:path'
import { distance } from 'fastest-levenshtein'
import { z } from 'zod'
import type { LocationMode } from '../core/location.ts'
import { DRIVERS, DRIVER_KINDS, type DriverChoice, type DriverKind } from '../storage/driver-table.ts'
import type { ConfigFault, Env } from './read-env.ts'
import { LOCATION_SETTINGS } from './schema.ts'

export type LocationConfig = DriverChoice & { readonly name: string; readonly mode: LocationMode }

/** What reading the locations found: as many as are right, and everything that is not. */
export interface LocationsRead {
  readonly locations: readonly LocationConfig[]
  readonly faults: readonly ConfigFault[]
  readonly warnings: readonly string[]
}

const LOCATION_NAME = /^[a-z0-9][a-z0-9_-]*$/i

/** `my-files` is configured by `STORAGE_MY_FILES_*`. */
export function prefixOf(name: string): string {
  return `STORAGE_${name.toUpperCase().replaceAll('-', '_')}_`
}

/** The names of a driver's settings, and of those that every location has. */
function settingNames(kind: DriverKind): string[] {
  return ['DRIVER', ...Object.keys(LOCATION_SETTINGS), ...Object.keys(DRIVERS[kind].schema.in.shape)]
}

/** Every name that may follow a location's prefix. */
const ALL_SETTING_NAMES: ReadonlySet<string> = new Set(DRIVER_KINDS.flatMap(settingNames))

/** Whether `name` is a variable of one of the listed locations. */
export function isLocationVariable(name: string, locationNames: readonly string[]): boolean {
  return locationNames.some(
    (location) =>
      name.startsWith(prefixOf(location)) && ALL_SETTING_NAMES.has(name.slice(prefixOf(location).length)),
  )
}

/** Reads the configuration of each listed location. */
export function readLocations(names: readonly string[], env: Env): LocationsRead {
  const faults = nameFaults(names)
  const variables = assignVariables(names, env)
  const locations: LocationConfig[] = []
  for (const name of faults.length > 0 ? [] : names) {
    const read = readLocation(name, variables.get(name) ?? new Map<string, string>())
    if ('faults' in read) faults.push(...read.faults)
    else locations.push(read.location)
  }
  faults.push(...sharedDirectoryFaults(locations))
  return {
    locations,
    faults,
    warnings: faults.length > 0 ? [] : warningsOf(names, locations, variables, env),
  }
}

function nameFaults(names: readonly string[]): ConfigFault[] {
  const variable = 'STORAGE_LOCATIONS'
  if (names.length === 0) return [{ variable, message: 'must name at least one location' }]
  const wrong = names.filter((name) => !LOCATION_NAME.test(name))
  if (wrong.length > 0) {
    return [{ variable, message: `has a name with other than letters, digits, _ and -: ${wrong.join(', ')}` }]
  }
  const prefixes = names.map(prefixOf)
  const doubled = names.filter(
    (name) => prefixes.indexOf(prefixOf(name)) !== prefixes.lastIndexOf(prefixOf(name)),
  )
  return doubled.length === 0
    ? []
    : [{ variable, message: `has names that stand for the same variables: ${doubled.join(', ')}` }]
}

/** Two locations in one directory would show each other's uploads, and each would clean up after the other. */
function sharedDirectoryFaults(locations: readonly LocationConfig[]): ConfigFault[] {
  const owners = new Map<string, string>()
  return locations.flatMap((location) => {
    if (location.driver !== 'local') return []
    const directory = resolve(location.options.root)
    const owner = owners.get(directory)
    owners.set(directory, location.name)
    const message = `must be another directory than that of location "${owner}"`
    return owner === undefined ? [] : [{ variable: `${prefixOf(location.name)}ROOT`, message }]
  })
}

/** Gives each variable to the location with the longest prefix: `s3` must not take what belongs to `s3_backup`. */
function assignVariables(names: readonly string[], env: Env): Map<string, Map<string, string>> {
  const byLength = [...names, ...unlistedNames(names, env)].toSorted((a, b) => b.length - a.length)
  const assigned = new Map<string, Map<string, string>>()
  for (const [variable, { value }] of env) {
    const name = byLength.find((candidate) => variable.startsWith(prefixOf(candidate)))
    if (name === undefined) continue
    const own = assigned.get(name) ?? new Map<string, string>()
    assigned.set(name, own.set(variable.slice(prefixOf(name).length), value))
  }
  return assigned
}

/** Locations that are configured (they have a driver) without being listed. */
function unlistedNames(names: readonly string[], env: Env): string[] {
  const listed = new Set(names.map(prefixOf))
  return [...env.keys()]
    .flatMap((variable) => /^STORAGE_(.+)_DRIVER$/.exec(variable)?.[1]?.toLowerCase() ?? [])
    .filter((name) => !listed.has(prefixOf(name)))
}

type LocationRead = { readonly location: LocationConfig } | { readonly faults: readonly ConfigFault[] }

function readLocation(name: string, variables: ReadonlyMap<string, string>): LocationRead {
  const prefix = prefixOf(name)
  // The default location needs no variable at all.
  const driver = variables.get('DRIVER') ?? (name.toLowerCase() === 'local' ? 'local' : undefined)
  const kind = DRIVER_KINDS.find((candidate) => candidate === driver)
  if (kind === undefined) {
    const message = `${driver === undefined ? 'is missing: it' : 'names no driver: it'} must be one of ${DRIVER_KINDS.join(', ')}`
    return { faults: [{ variable: `${prefix}DRIVER`, message }] }
  }
  const common = z.object(LOCATION_SETTINGS).safeParse(Object.fromEntries(variables))
  const choice = parseChoice(kind, Object.fromEntries(variables))
  if (common.success && choice.success) {
    return { location: { name, mode: common.data.MODE, ...choice.data } }
  }
  return { faults: [...faultsOf(common.error, prefix), ...faultsOf(choice.error, prefix)] }
}

function parseChoice(
  kind: DriverKind,
  variables: Record<string, string>,
): z.ZodSafeParseResult<DriverChoice> {
  return CHOICES[kind].safeParse(variables)
}

/** Options with the name of their driver beside them, so that the two can't be mixed up. */
const CHOICES: { readonly [Kind in DriverKind]: z.ZodType<Extract<DriverChoice, { driver: Kind }>> } = {
  local: DRIVERS.local.schema.transform((options) => ({ driver: 'local' as const, options })),
  s3: DRIVERS.s3.schema.transform((options) => ({ driver: 's3' as const, options })),
}

/** The faults that a schema found, as faults of variables. */
export function faultsOf(error: z.ZodError | undefined, prefix = ''): ConfigFault[] {
  return (error?.issues ?? []).map(({ path, message }) => ({
    variable: `${prefix}${String(path[0])}`,
    message,
  }))
}

function warningsOf(
  names: readonly string[],
  locations: readonly LocationConfig[],
  variables: ReadonlyMap<string, ReadonlyMap<string, string>>,
  env: Env,
): string[] {
  const unlisted = unlistedNames(names, env).map(
    (name) => `${prefixOf(name)}DRIVER: location "${name}" is not in STORAGE_LOCATIONS, so it is not used`,
  )
  const unknown = locations.flatMap(({ name, driver }) =>
    [...(variables.get(name)?.keys() ?? [])].flatMap((suffix) =>
      unknownWarning(name, suffix, settingNames(driver)),
    ),
  )
  return [...unlisted, ...unknown, ...strayWarnings(names, env)]
}

function unknownWarning(name: string, suffix: string, known: readonly string[]): string[] {
  if (known.includes(suffix)) return []
  const prefix = prefixOf(name)
  return [
    `${prefix}${suffix} is not a setting of location "${name}"; did you mean ${prefix}${nearest(suffix, known)}?`,
  ]
}

/** Variables of locations that nobody listed and that have no driver: mostly a slip in the location's name. */
function strayWarnings(names: readonly string[], env: Env): string[] {
  const all = [...names, ...unlistedNames(names, env)].map(prefixOf)
  return [...env.keys()]
    .filter((variable) => variable.startsWith('STORAGE_') && !variable.startsWith('STORAGE_DEFAULT_LOCATION'))
    .filter(
      (variable) => variable !== 'STORAGE_LOCATIONS' && !all.some((prefix) => variable.startsWith(prefix)),
    )
    .map((variable) => `${variable} belongs to no location in STORAGE_LOCATIONS (${names.join(', ')})`)
}

function nearest(name: string, candidates: readonly string[]): string {
  return candidates.toSorted((a, b) => distance(name, a) - distance(name, b))[0] ?? name
}
