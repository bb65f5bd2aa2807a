#!/usr/bin/env node
import { runCli } from './cli/cli.ts'

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // Asked twice, the operator does not want to wait.
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
  })
}

const exitCode = await runCli({
  words: process.argv.slice(2),
  print: (line) => process.stdout.write(`${line}\n`),
  printError: (line) => process.stderr.write(`${line}\n`),
  stop: stop.signal,
})
process.exit(exitCode)
