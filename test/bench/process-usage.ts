import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** What a process has used since it was started, all its threads together. */
export interface ProcessUsage {
  readonly cpuSeconds: number
  readonly peakRssBytes: number
}

const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout ?? '') || 100

/** proc(5): utime and stime are the 14th and 15th field; counted from the 3rd, which follows the name in brackets. */
const UTIME_FIELD = 11
const STIME_FIELD = 12

export function requireProcessUsage(): void {
  if (existsSync('/proc/self/stat')) return
  throw new Error(
    'The benchmark reads CPU time and memory from /proc, which this system lacks: run it on Linux.',
  )
}

export function readProcessUsage(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name can hold spaces and brackets: what follows the last one is regular.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[UTIME_FIELD]) + Number(fields[STIME_FIELD])
  const peakKib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpuSeconds: ticks / TICKS_PER_SECOND, peakRssBytes: Number(peakKib ?? Number.NaN) * 1024 }
}
