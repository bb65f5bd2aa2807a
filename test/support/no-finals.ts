import type { FinalUploads } from '../../src/lifecycle/sweep-concatenations.ts'

/** Of a server that makes no uploads of others. */
export const NO_FINALS: FinalUploads = {
  needs: () => false,
  resume: () => Promise.resolve(),
  cancel: () => Promise.resolve(),
}
