import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { type BenchCase, benchCases } from './cases.ts'
import { compileServers } from './compile-servers.ts'
import { requireProcessUsage } from './process-usage.ts'
import { reportOf } from './report.ts'
import { type CaseResult, runCase } from './rounds.ts'
import { type ServerKind, knownServers } from './servers.ts'

// Compares Tusker with the stock server, with a pass-through and (TUSD_BINARY) with tusd: `npm run bench -- --help`.

const HELP = `npm run bench -- [options]
  --rounds N      rounds, of which the report shows the medians (3)
  --cases a,b     only these cases
  --servers a,b   only these servers
  --quick         smaller sizes: to see that it works, not to quote
  --large         20 GiB in one PATCH too
  --out FILE      where every figure of every round goes, as JSON (bench-results.json)
TUSD_BINARY=/path/to/tusd adds tusd.`

interface Options {
  readonly rounds: number
  readonly cases: readonly BenchCase[]
  readonly servers: readonly ServerKind[]
  readonly out: string
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    cases: { type: 'string' },
    servers: { type: 'string' },
    quick: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    out: { type: 'string', default: 'bench-results.json' },
    help: { type: 'boolean', default: false },
  },
})

// Without this, Ctrl-C would not run what ends the processes that were started.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

try {
  if (values.help) console.log(HELP)
  else await runBench(toOptions())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

function toOptions(): Options {
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number from 1')
  return {
    rounds,
    cases: chosen('--cases', values.cases, benchCases({ isQuick: values.quick, hasLarge: values.large })),
    servers: chosen('--servers', values.servers, knownServers()),
    out: values.out,
  }
}

function chosen<Item extends { readonly name: string }>(
  option: string,
  names: string | undefined,
  items: readonly Item[],
): readonly Item[] {
  if (names === undefined) return items
  return names.split(',').map((name) => {
    const found = items.find((item) => item.name === name.trim())
    if (found) return found
    throw new Error(`${option}: ${name} is none of ${items.map((item) => item.name).join(', ')}`)
  })
}

async function runBench({ rounds, cases, servers, out }: Options): Promise<void> {
  requireProcessUsage()
  compileServers()
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, node: process.version }
  const startedAt = new Date().toISOString()
  const results: CaseResult[] = []
  for (const benchCase of cases) {
    results.push(await runCase(benchCase, servers, { rounds, onRun: (text) => console.error(text) }))
    // After every case: an hour's figures must not be lost to the last one.
    await writeFile(out, `${JSON.stringify({ startedAt, machine, rounds, results }, null, 2)}\n`)
  }
  const conditions = `${startedAt}, ${machine.cpus} CPUs (${machine.cpu}), Node.js ${machine.node}, medians of ${rounds} rounds. Client, S3 sink
and server share the machine: CPU time and memory are the server's own, MB/s and times are a floor.`
  console.log(`\n${conditions}\n\n${reportOf(results, servers)}\n\nEvery figure of every round: ${out}`)
}
