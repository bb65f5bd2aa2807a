import { describeConfig } from '../config/describe-config.ts'
import type { LoadedConfig } from '../config/load-config.ts'

/** Every setting in force, a line each, and what is probably not meant so. */
export function listConfig(loaded: LoadedConfig): string[] {
  const settings = describeConfig(loaded).map(
    ({ variable, value, source }) => `${variable}=${value}${source === 'default' ? '' : `  # ${source}`}`,
  )
  return [...settings, ...loaded.warnings.map((warning) => `# warning: ${warning}`)]
}
