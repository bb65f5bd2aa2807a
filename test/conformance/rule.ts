import type { TestedServer } from './tested-server.ts'

/** MUST, SHOULD and MAY of a specification; D where it is silent and this is what Tusker decided. */
export type Level = 'M' | 'S' | 'O' | 'D'

/** One thing that a rule of the protocol says, and how to see from outside whether a server does it. */
export interface Rule {
  /** Its number (docs/conformance.md); several entries may share one. */
  readonly rule: string
  readonly level: Level
  readonly sentence: string
  /** Returns if it holds; throws what outcome.ts has if it does not, or could not be seen. */
  check(server: TestedServer): Promise<void>
}
