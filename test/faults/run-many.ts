import { Lane } from './lane.ts'
import type { Hazard } from './planned-fault.ts'
import { type RunReport, runSeed } from './run-seed.ts'

export interface ManyRuns {
  readonly firstSeed: number
  readonly runs: number
  readonly lanes: number
  readonly hazards: ReadonlySet<Hazard>
  readonly onReport?: (report: RunReport, lane: Lane) => void
}

/** Runs many seeds, several at a time; each lane takes the next one that is left. */
export async function runMany(options: ManyRuns): Promise<RunReport[]> {
  const reports: RunReport[] = []
  let next = options.firstSeed
  const end = options.firstSeed + options.runs
  const work = async (): Promise<void> => {
    const lane = await Lane.open()
    try {
      while (next < end) {
        const seed = next
        next += 1
        const report = await runSeed(lane, seed, options.hazards)
        reports.push(report)
        options.onReport?.(report, lane)
      }
    } finally {
      await lane.close()
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.lanes, options.runs) }, work))
  return reports.toSorted((a, b) => a.plan.seed - b.plan.seed)
}

/** One fault can show in a hundred answers. */
const MAX_VIOLATIONS = 12

/** Why a run failed, and how to see it again. */
export function describeFailure({ plan, violations }: RunReport, hazards: ReadonlySet<Hazard>): string {
  const flags = hazards.size === 0 ? '' : ` --hazards ${[...hazards].join(',')}`
  return [
    `Seed ${plan.seed} broke a promise:`,
    ...[...new Set(violations)].slice(0, MAX_VIOLATIONS).map((violation) => `  - ${violation}`),
    `  plan: ${describePlan(plan)}`,
    `  again: npm run faults -- --replay ${plan.seed}${flags}`,
  ].join('\n')
}

export function describePlan(plan: RunPlan): string {
  return JSON.stringify(plan, (_key, value: unknown) => (value === Number.POSITIVE_INFINITY ? 'all' : value))
}

export function summarize(reports: readonly RunReport[]): string {
  const count = (test: (report: RunReport) => boolean): number => reports.filter(test).length
  const sum = (value: (report: RunReport) => number): number =>
    reports.reduce((total, report) => total + value(report), 0)
  return [
    `${reports.length} runs: ${count(({ violations }) => violations.length > 0)} failed`,
    `clients: ${count(({ outcome }) => outcome === 'success')} succeeded, ${count(({ outcome }) => outcome === 'error')} gave up, ${count(({ outcome }) => outcome === 'stopped')} deleted`,
    `${sum(({ faultHits }) => faultHits)} faults, ${sum(({ kills }) => kills)} kills, ${sum(({ orphans }) => orphans)} empty multipart uploads without a record`,
  ].join('; ')
}

type RunPlan = RunReport['plan']
