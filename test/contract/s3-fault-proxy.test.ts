import { expect, test } from 'vitest'
import { startS3FaultProxy } from '../support/s3-fault-proxy.ts'
import { type S3Target, s3Targets } from '../support/s3-servers.ts'
import { DEVIATIONS } from './s3-probe-deviations.ts'
import { s3Probe } from './s3-probe.ts'

// Nothing that S3 does may look different through the proxy: a fault has to be one that a test has asked for.
for (const target of s3Targets()) {
  s3Probe(behindProxy(target), DEVIATIONS[target.name] ?? {})
}

function behindProxy(target: S3Target): S3Target {
  const open = async () => {
    const access = await target.open()
    const proxy = await startS3FaultProxy(access.endpoint)
    const closeBoth = async (): Promise<void> => {
      await proxy.close()
      await access.close()
    }
    return { ...access, endpoint: proxy.endpoint, close: closeBoth }
  }
  return { name: `${target.name} behind a proxy`, open }
}

test('a fault that no proxy can inject is refused, rather than left out', async () => {
  const proxy = await startS3FaultProxy('http://127.0.0.1:9')
  const rule = { fault: { kind: 'stale-listing', writesAgo: 1 } } as const
  expect(() => proxy.inject(rule)).toThrow('stale-listing')
  await proxy.close()
})

test('a server that is not there is 502, not a fault of the connection', async () => {
  const proxy = await startS3FaultProxy('http://127.0.0.1:9')
  const answer = await fetch(`${proxy.endpoint}/bucket/key`)
  expect(answer.status).toBe(502)
  expect(proxy.requests).toMatchObject([{ operation: 'GetObject', key: 'key', status: 502 }])
  await proxy.close()
})
