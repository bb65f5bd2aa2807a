import { s3Targets } from '../support/s3-servers.ts'
import { DEVIATIONS } from './s3-probe-deviations.ts'
import { s3Probe } from './s3-probe.ts'

// The same sentences of our S3 test server and of a real one, so that ours can't drift away from what S3 does.
const targets = s3Targets()
for (const target of targets) s3Probe(target, DEVIATIONS[target.name] ?? {})

if (targets.length === 1) {
  const why =
    'The S3 probe ran against our test server only: S3_PROBE_ENDPOINT names no real server (.ci/run does).'
  if (process.env['TUSKER_TEST_ALL'] !== undefined) throw new Error(why)
  console.log(why)
}
