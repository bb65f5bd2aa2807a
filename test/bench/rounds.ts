import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchCase } from './cases.ts'
import {
  type Measurement,
  type Metrics,
  type MetricName,
  type Outcome,
  METRICS,
  isMeasured,
} from './metrics.ts'
import type { ServerKind, ServerName } from './servers.ts'
import { median } from './statistics.ts'
import { TestRun } from './test-run.ts'

/** A server that never answers must not hold up the rest. */
const RUN_TIMEOUT_MS = 15 * 60_000

export interface ServerResult {
  readonly server: ServerName
  /** One for each round, in their order. */
  readonly rounds: readonly Outcome[]
  /** Undefined if no round could be run. */
  readonly median: Measurement | undefined
  /** CPU time as a share of the stock server's in the same round, the median of the rounds. */
  readonly cpuRatioToStock: number | undefined
  /** Why there are no figures, or of fewer rounds than asked for. */
  readonly notes: readonly string[]
}

export interface CaseResult {
  readonly name: string
  readonly title: string
  readonly columns: readonly MetricName[]
  readonly pricedAs: string | undefined
  readonly servers: readonly ServerResult[]
}

/** Server after server, round after round: what else the machine does meanwhile then meets all of them. */
export async function runCase(
  benchCase: BenchCase,
  servers: readonly ServerKind[],
  { rounds, onRun }: { readonly rounds: number; readonly onRun: (text: string) => void },
): Promise<CaseResult> {
  const outcomes = new Map<ServerName, Outcome[]>(servers.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round += 1) {
    for (const server of servers) {
      onRun(`${benchCase.name}: round ${round} of ${rounds}, ${server.name}`)
      outcomes.get(server.name)?.push(await runOnce(benchCase, server))
    }
  }
  const { name, title, columns, pricedAs } = benchCase
  return { name, title, columns, pricedAs, servers: servers.map(({ name }) => toResult(name, outcomes)) }
}

async function runOnce(benchCase: BenchCase, server: ServerKind): Promise<Outcome> {
  const unable = server.unable[benchCase.name]
  if (unable !== undefined) return { unable }
  try {
    const run = await TestRun.start(server, benchCase.options)
    try {
      return await Promise.race([benchCase.run(run), giveUp()])
    } finally {
      await run.stop()
    }
  } catch (error) {
    // The others' figures are worth having all the same.
    return { unable: `failed: ${error instanceof Error ? error.message : String(error)}` }
  }
}

async function giveUp(): Promise<never> {
  // Not a reason for the process to stay when all else is done.
  await sleep(RUN_TIMEOUT_MS, undefined, { ref: false })
  throw new Error(`not done after ${RUN_TIMEOUT_MS / 60_000} minutes`)
}

function toResult(server: ServerName, outcomes: ReadonlyMap<ServerName, readonly Outcome[]>): ServerResult {
  const rounds = outcomes.get(server) ?? []
  const stock = outcomes.get('stock') ?? []
  const ratios = rounds.flatMap((outcome, index) => cpuRatio(outcome, stock[index]))
  const reasons = rounds.flatMap((outcome) => (isMeasured(outcome) ? [] : [outcome.unable]))
  return {
    server,
    rounds,
    median: medianOf(rounds.filter(isMeasured)),
    cpuRatioToStock: median(ratios),
    notes: [...new Set(reasons)].map((reason) =>
      reasons.length === rounds.length ? reason : `${reasons.length} of ${rounds.length} rounds ${reason}`,
    ),
  }
}

function cpuRatio(outcome: Outcome, stock: Outcome | undefined): number[] {
  if (stock === undefined || !isMeasured(stock) || !isMeasured(outcome) || stock.cpuSeconds === 0) return []
  return [outcome.cpuSeconds / stock.cpuSeconds]
}

function medianOf(measurements: readonly Measurement[]): Measurement | undefined {
  if (measurements.length === 0) return undefined
  const operations = new Set(measurements.flatMap((one) => Object.keys(one.requestsPerUpload)))
  return {
    cpuSeconds: median(measurements.map((one) => one.cpuSeconds)) ?? Number.NaN,
    metrics: medianMetrics(measurements),
    requestsPerUpload: Object.fromEntries(
      [...operations].map((name) => [
        name,
        median(measurements.map((one) => one.requestsPerUpload[name] ?? 0)) ?? Number.NaN,
      ]),
    ),
  }
}

function medianMetrics(measurements: readonly Measurement[]): Metrics {
  const entries = (Object.keys(METRICS) as MetricName[]).flatMap((name) => {
    const middle = median(measurements.flatMap(({ metrics }) => metrics[name] ?? []))
    return middle === undefined ? [] : [[name, middle] as const]
  })
  return Object.fromEntries(entries)
}
