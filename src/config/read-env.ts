import { readFileSync } from 'node:fs'
import { parse } from 'dotenv'

/** Where a value came from. */
type ValueSource = 'environment' | 'file'

interface EnvValue {
  readonly value: string
  readonly source: ValueSource
}

/** A fault of one variable: its name, what is wrong and what would be right. Never a value: it may be a secret. */
export interface ConfigFault {
  readonly variable: string
  readonly message: string
}

/** Environment variables by name, `_FILE` ones already read, empty ones left out. */
export type Env = ReadonlyMap<string, EnvValue>

/** The process's environment, with a `.env` file in the working directory for what it does not set. */
export function readProcessEnv(): Record<string, string | undefined> {
  return { ...readDotEnv(), ...process.env }
}

function readDotEnv(): Record<string, string> {
  try {
    return parse(readFileSync('.env'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw error
  }
}

const FILE_SUFFIX = '_FILE'

/**
 * Takes the variables that `isKnown` knows, and reads `<NAME>_FILE` for any of them from the file it names: one newline
 * at the end is not part of the value (editors and `echo` add it; as part of a key it breaks every request).
 */
export function readEnv(
  variables: Readonly<Record<string, string | undefined>>,
  isKnown: (name: string) => boolean,
): { readonly env: Env; readonly faults: readonly ConfigFault[] } {
  const env = new Map<string, EnvValue>()
  const faults: ConfigFault[] = []
  for (const [name, value] of Object.entries(variables)) {
    // Compose files and shells set variables to nothing when they mean "not set".
    if (value === undefined || value === '') continue
    const target = name.endsWith(FILE_SUFFIX) ? name.slice(0, -FILE_SUFFIX.length) : ''
    if (isKnown(name) || !isKnown(target)) {
      env.set(name, { value, source: 'environment' })
    } else if ((variables[target] ?? '') !== '') {
      faults.push({ variable: name, message: `is set beside ${target}: set one of them` })
    } else {
      readValueFile({ name, target, path: value }, env, faults)
    }
  }
  return { env, faults }
}

function readValueFile(
  { name, target, path }: { readonly name: string; readonly target: string; readonly path: string },
  env: Map<string, EnvValue>,
  faults: ConfigFault[],
): void {
  try {
    env.set(target, { value: readFileSync(path, 'utf8').replace(/\r?\n$/, ''), source: 'file' })
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    faults.push({ variable: name, message: `names a file that can't be read: ${path} (${reason})` })
  }
}
