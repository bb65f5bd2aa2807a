import { totalmem } from 'node:os'

const SHARE = 0.25
const MIN_BYTES = 64 * 1024 ** 2
const MAX_BYTES = 1024 ** 3

/** What uploads may hold in memory if nothing is set: a quarter of what the container, or else the machine, has. */
export function defaultBufferMemoryBytes(): number {
  // Without a limit Node says 0, or a number beyond all memory.
  const limitBytes = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem())
  return Math.round(Math.min(Math.max(limitBytes * SHARE, MIN_BYTES), MAX_BYTES))
}
