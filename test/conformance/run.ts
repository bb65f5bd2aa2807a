import { parseArguments } from './arguments.ts'
import { NoAnswer } from './http-exchange.ts'
import { formatReport, hasFailed, summarize } from './report.ts'
import { rulesOf } from './rules.ts'
import { type RuleReport, runRules } from './run-rules.ts'
import { TestedServer } from './tested-server.ts'

const { asJson, ietf, isWanted, conceal, ...options } = parseArguments(process.argv)

const server = await TestedServer.discover(options).catch((error: unknown) => {
  if (!(error instanceof NoAnswer)) throw error
  console.error(conceal(`${options.url}: ${error.message}`))
  process.exit(2)
})

const rules = rulesOf({ ietf }).filter(({ rule }) => isWanted(rule))
const reports: RuleReport[] = []
try {
  for await (const report of runRules(server, rules)) {
    reports.push(report)
    if (!asJson) console.log(conceal(formatReport(report, process.stdout.isTTY)))
  }
} catch (error) {
  if (!(error instanceof NoAnswer)) throw error
  console.error(conceal(`The server is gone: ${error.message}`))
  process.exit(2)
}
if (asJson) console.log(conceal(JSON.stringify(reports, undefined, 2)))
else console.log(`\n${summarize(reports)}`)

const left = await server.cleanUp()
if (left > 0)
  console.error(`${left} uploads that were made are still there: the server does not remove them.`)
process.exitCode = hasFailed(reports) ? 1 : 0
