#!/usr/bin/env node
import { runCli } from './cli/cli.ts'

/** Ctrl-C under `npm start` arrives twice, from the terminal and from npm: only a later one is a person's second. */
const SAME_SIGNAL_MS = 1_000

const stop = new AbortController()
let askedAt = 0
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // Asked twice, the operator does not want to wait.
    if (stop.signal.aborted && performance.now() - askedAt > SAME_SIGNAL_MS) process.exit(1)
    askedAt ||= performance.now()
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
