import { DRIVERS, type DriverKind } from '../storage/driver-table.ts'
import { type SettingFacts, factsOf } from '../storage/setting-values.ts'
import type { LoadedConfig } from './load-config.ts'
import { prefixOf } from './locations.ts'
import { LOCATION_SETTINGS, SETTINGS } from './schema.ts'

export interface ListedSetting {
  readonly variable: string
  /** As it was written, a secret masked; empty if there is none. */
  readonly value: string
  readonly source: 'default' | 'environment' | 'file'
}

/** Every setting that is in force, and where it comes from; secrets are masked whole. */
export function describeConfig({ config, env }: LoadedConfig): ListedSetting[] {
  const general = Object.entries(SETTINGS).map(([name, schema]) => ({
    variable: name,
    facts: factsOf(schema),
  }))
  const located = config.locations.flatMap(({ name, driver }) =>
    locationSettings(driver).map(({ suffix, facts }) => ({ variable: `${prefixOf(name)}${suffix}`, facts })),
  )
  return [...general, ...located].map(({ variable, facts }) => list(variable, facts, env))
}

interface LocationSetting {
  readonly suffix: string
  readonly facts: SettingFacts | undefined
}

/** The settings of a location of that driver, without DRIVER itself. */
function locationSettings(kind: DriverKind): LocationSetting[] {
  const own = Object.entries(DRIVERS[kind].schema.in.shape)
  return [...Object.entries(LOCATION_SETTINGS), ...own].map(([suffix, schema]) => ({
    suffix,
    facts: factsOf(schema as Parameters<typeof factsOf>[0]),
  }))
}

function list(variable: string, facts: SettingFacts | undefined, env: LoadedConfig['env']): ListedSetting {
  const given = env.get(variable)
  if (given === undefined) return { variable, value: facts?.default ?? '', source: 'default' }
  return { variable, value: facts?.secret === true ? '(set)' : given.value, source: given.source }
}
