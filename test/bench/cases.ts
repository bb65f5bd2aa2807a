import { HEAD_CASE } from './case-head.ts'
import { largeCases } from './case-large.ts'
import { smallCase } from './case-small.ts'
import { trickleCase } from './case-trickle.ts'
import type { Measurement, MetricName } from './metrics.ts'
import type { RunOptions, TestRun } from './test-run.ts'

export interface BenchCase {
  readonly name: string
  readonly title: string
  readonly columns: readonly MetricName[]
  readonly options: RunOptions
  /** If it is priced: what a million of is asked about. */
  readonly pricedAs?: string
  readonly run: (run: TestRun) => Promise<Measurement>
}

export interface CaseSizes {
  readonly isQuick: boolean
  /** 20 GiB in one PATCH takes minutes with each server. */
  readonly hasLarge: boolean
}

export function benchCases(sizes: CaseSizes): readonly BenchCase[] {
  return [...largeCases(sizes), smallCase(sizes), HEAD_CASE, trickleCase(sizes)]
}
