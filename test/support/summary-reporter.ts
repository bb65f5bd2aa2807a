import type { Reporter, TestCase, TestModule } from 'vitest/node'

/**
 * Prints why each skipped test was skipped and closes the run with one plain line
 * ("Tests: 12 passed, 0 failed, 1 skipped") that any CI can read.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const test of testsOf(modules)) {
      counts[test.result().state] += 1
    }
    const broken = modules.filter((module) => module.state() === 'failed' && module.errors().length > 0)
    const failed = counts.failed + counts.pending + broken.length
    process.stdout.write(`\nTests: ${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped\n`)
  }
}

function* testsOf(modules: readonly TestModule[]): Iterable<TestCase> {
  for (const module of modules) {
    yield* module.children.allTests()
  }
}
