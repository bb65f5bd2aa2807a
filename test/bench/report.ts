import { METRICS, type MetricName, isMeasured, styleOf } from './metrics.ts'
import { usdPerMillionUploads } from './prices.ts'
import type { CaseResult, ServerResult } from './rounds.ts'
import type { ServerKind } from './servers.ts'

type Titles = ReadonlyMap<string, string>

const GROWTH_CASES = ['64mib', 'one-patch', '20gib']
const CPU_COLUMNS: readonly MetricName[] = ['cpuSecondsPerGib', 'cpuMsPerUpload']

/** The whole report, as Markdown that reads well in a terminal. */
export function reportOf(results: readonly CaseResult[], servers: readonly ServerKind[]): string {
  const titles = new Map(servers.map(({ name, title }) => [name, title]))
  const cases = results.map((result) => caseSection(result, titles))
  return [...cases, growthSection(results, titles), priceSection(results, titles)]
    .filter((section) => section !== '')
    .join('\n\n')
}

function caseSection(result: CaseResult, titles: Titles): string {
  const { name, title, columns, servers } = result
  const notes: string[] = []
  // Where servers do unequal work in the same time, a share of CPU time says nothing.
  const hasRatio = columns.some((column) => CPU_COLUMNS.includes(column))
  const hasRequests = columns.includes('s3RequestsPerUpload')
  const header = [
    'server',
    ...columns.map((column) => METRICS[column].title),
    ...(hasRatio ? ['CPU vs stock'] : []),
  ]
  const rows = servers.map((server) => [
    titleOf(server, titles) + footnoteMarks(server, notes),
    ...columns.map((column) => metricCell(server, column)),
    ...(hasRatio ? [numberCell(server.cpuRatioToStock, 2)] : []),
  ])
  const footnotes = notes.map((note, index) => `[${index + 1}] ${note}`)
  const requests = hasRequests ? requestLines(servers, titles) : ''
  return [`## ${name}: ${title}`, table([header, ...rows]), requests, ...footnotes]
    .filter((part) => part !== '')
    .join('\n\n')
}

function footnoteMarks({ notes: reasons }: ServerResult, notes: string[]): string {
  return reasons.map((reason) => ` [${notes.push(reason)}]`).join('')
}

/** What it asks of S3 for one upload, most asked for first. */
function requestLines(servers: readonly ServerResult[], titles: Titles): string {
  const lines = servers.flatMap((server) => {
    const counts = Object.entries(server.median?.requestsPerUpload ?? {}).sort(([, a], [, b]) => b - a)
    if (counts.length === 0) return []
    const listed = counts.map(([operation, requests]) => `${operation} ${trimmed(requests)}`)
    return [`- ${titleOf(server, titles)}: ${listed.join(', ')}`]
  })
  return lines.length === 0 ? '' : `S3 requests per upload:\n${lines.join('\n')}`
}

/** One PATCH of growing size: what stays the same and what does not. */
function growthSection(results: readonly CaseResult[], titles: Titles): string {
  const cases = GROWTH_CASES.flatMap((name) => results.find((result) => result.name === name) ?? [])
  if (cases.length < 2) return ''
  const columns: readonly MetricName[] = ['cpuSecondsPerGib', 'peakRssMib']
  return comparison('Cost as the upload grows', cases, titles, (result) =>
    columns.map((column) => ({
      title: `${result.name}: ${METRICS[column].title}`,
      cell: (server) => metricCell(server, column),
    })),
  )
}

function priceSection(results: readonly CaseResult[], titles: Titles): string {
  const cases = results.filter(({ pricedAs }) => pricedAs !== undefined)
  if (cases.length === 0) return ''
  return comparison(
    'S3 requests of a million uploads, USD (list prices of us-east-1)',
    cases,
    titles,
    (result) => [
      {
        title: `of ${result.pricedAs ?? result.name}`,
        cell: ({ median }) => (median ? numberCell(usdPerMillionUploads(median.requestsPerUpload), 2) : '–'),
      },
    ],
  )
}

interface Column {
  readonly title: string
  readonly cell: (server: ServerResult) => string
}

/** A table across cases, one row for each server. */
function comparison(
  title: string,
  cases: readonly CaseResult[],
  titles: Titles,
  toColumns: (result: CaseResult) => readonly Column[],
): string {
  const names = cases[0]?.servers.map(({ server }) => server) ?? []
  const columns = cases.flatMap((result) => toColumns(result).map((column) => ({ ...column, result })))
  const rows = names.map((name) => [
    titles.get(name) ?? name,
    ...columns.map(({ result, cell }) => {
      const server = result.servers.find((candidate) => candidate.server === name)
      return server === undefined ? '–' : cell(server)
    }),
  ])
  return `## ${title}\n\n${table([['server', ...columns.map((column) => column.title)], ...rows])}`
}

function metricCell({ median, rounds }: ServerResult, name: MetricName): string {
  const { digits, hasRange } = styleOf(name)
  const cell = numberCell(median?.metrics[name], digits)
  const values = rounds.filter(isMeasured).flatMap(({ metrics }) => metrics[name] ?? [])
  if (hasRange !== true || values.length < 2) return cell
  return `${cell} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`
}

function numberCell(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits)
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(2)))
}

function titleOf({ server }: ServerResult, titles: Titles): string {
  return titles.get(server) ?? server
}

function table(rows: readonly (readonly string[])[]): string {
  const [header = []] = rows
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(header), rule, ...rows.slice(1).map(line)].join('\n')
}
