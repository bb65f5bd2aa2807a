import { parseArgs } from 'node:util'
import { DEFAULT_HAZARDS, HAZARDS, type Hazard } from './planned-fault.ts'
import { describeFailure, describePlan, runMany, summarize } from './run-many.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    /** The first one. */
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '4' },
    /** See planned-fault.ts. */
    hazards: { type: 'string', default: DEFAULT_HAZARDS.join(',') },
    replay: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})

// Node ends without its exit handlers otherwise, and the servers would live on.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const isReplay = values.replay !== undefined
const hazards = new Set(
  HAZARDS.filter((hazard): hazard is Hazard => values.hazards.split(',').includes(hazard)),
)
const startedMs = Date.now()

const reports = await runMany({
  firstSeed: Number(values.replay ?? values.seed),
  runs: isReplay ? 1 : Number(values.runs),
  lanes: Number(values.lanes),
  hazards,
  onReport: (report, lane) => {
    const { plan, violations, log, durationMs, outcome } = report
    const isBad = violations.length > 0
    if (isReplay || values.verbose) console.log(`Seed ${plan.seed}: ${outcome}, ${durationMs} ms`)
    if (isReplay) console.log([describePlan(plan), ...log, 'Tusker said:', lane.output()].join('\n'))
    else if (isBad && values.verbose) console.log(log.join('\n'))
    if (isBad) console.log(describeFailure(report, hazards))
  },
})
console.log(`${summarize(reports)}; ${Math.round((Date.now() - startedMs) / 1000)} s`)
process.exitCode = reports.some(({ violations }) => violations.length > 0) ? 1 : 0
