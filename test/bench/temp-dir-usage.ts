import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TempDirUsage {
  readonly bytes: number
  readonly files: number
}

const SAMPLE_MS = 500
/** stat(2) counts blocks of this size, whatever the file system's are. */
const STAT_BLOCK_BYTES = 512

/** Looks at a directory again and again until `stop`, which gives the most that was ever in it. */
export function watchTempDir(path: string): { stop: () => Promise<TempDirUsage> } {
  const stopping = new AbortController()
  const watch = async (): Promise<TempDirUsage> => {
    let peak: TempDirUsage = { bytes: 0, files: 0 }
    while (!stopping.signal.aborted) {
      const { bytes, files } = await usedIn(path)
      peak = { bytes: Math.max(peak.bytes, bytes), files: Math.max(peak.files, files) }
      await sleep(SAMPLE_MS)
    }
    return peak
  }
  const peak = watch()
  return {
    stop: async () => {
      stopping.abort()
      return await peak
    },
  }
}

async function usedIn(path: string): Promise<TempDirUsage> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  // A file that is removed between the listing and the look uses nothing.
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(file.parentPath, file.name)).then(
        ({ blocks }) => blocks * STAT_BLOCK_BYTES,
        () => 0,
      ),
    ),
  )
  return { bytes: sizes.reduce((sum, bytes) => sum + bytes, 0), files: files.length }
}
