import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { DEFAULT_HAZARDS } from './planned-fault.ts'
import { describeFailure, runMany, summarize } from './run-many.ts'

/** `npm run faults -- --runs N --seed S` does more of them, and others. */
const RUNS = Number(process.env['TUSKER_FAULT_RUNS'] ?? 30)

/** A run waits most of its time: for retries, timeouts and restarts. */
const LANES = 2 * Math.max(2, availableParallelism())

test(
  `${RUNS} seeded runs against a failing S3, kill -9 and a bad network keep every promise`,
  { timeout: 60_000 + RUNS * 3_000 },
  async () => {
    const hazards = new Set(DEFAULT_HAZARDS)
    const reports = await runMany({ firstSeed: 1, runs: RUNS, lanes: LANES, hazards })
    console.info(summarize(reports))
    const failed = reports.filter(({ violations }) => violations.length > 0)
    expect(failed.map((report) => describeFailure(report, hazards)).join('\n\n')).toBe('')
    expect(reports).toHaveLength(RUNS)
  },
)
