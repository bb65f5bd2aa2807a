import { styleText } from 'node:util'
import type { RuleReport } from './run-rules.ts'

const LEVEL_NAMES = { M: 'MUST', S: 'SHOULD', O: 'MAY', D: 'own' } as const

const COLOURS = {
  passed: 'green',
  failed: 'red',
  differs: 'yellow',
  'not offered': 'gray',
  'not seen': 'gray',
} as const

/** One line of the table, with what was expected and what came below it where that was not the same. */
export function formatReport(report: RuleReport, isColoured: boolean): string {
  const { rule, level, sentence, result } = report
  const padded = result.padEnd(11)
  const shown = isColoured ? styleText(COLOURS[result], padded) : padded
  const line = `${rule.padEnd(6)} ${LEVEL_NAMES[level].padEnd(6)} ${shown} ${sentence}`
  return [line, ...explain(report)].join(`\n${' '.repeat(26)}`)
}

function explain(report: RuleReport): readonly string[] {
  if ('expected' in report) return [`expected: ${report.expected}`, `came:     ${report.came}`]
  if ('feature' in report) return [`(${report.feature} is not offered)`]
  return 'why' in report ? [`(${report.why})`] : []
}

export function summarize(reports: readonly RuleReport[]): string {
  const counts = Object.keys(COLOURS).map((result) => {
    const count = reports.filter((report) => report.result === result).length
    return `${count} ${result}`
  })
  return counts.join(', ')
}

/** Whether a MUST or SHOULD does not hold. */
export function hasFailed(reports: readonly RuleReport[]): boolean {
  return reports.some(({ result }) => result === 'failed')
}
