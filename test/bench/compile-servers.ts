import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
const PROJECT = fileURLToPath(new URL('tsconfig.json', import.meta.url))

/** Compiled, and not run by tsx: its loader would be in the memory and CPU time of what is measured. */
export function compileServers(): void {
  const { status } = spawnSync(process.execPath, [TSC, '-p', PROJECT], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Error('The servers of the benchmark do not compile')
}

export function compiledPath(name: string): string {
  return fileURLToPath(new URL(`../../.bench/${name}.js`, import.meta.url))
}

export function tuskerPath(): string {
  return fileURLToPath(new URL('../../dist/main.js', import.meta.url))
}
