import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ProxyBench, openProxyBench } from './bench.ts'
import type { ProxyAddress } from './clients.ts'
import { type ProxyProgram, isLeftOut } from './programs.ts'

/** What docs/ietf.md says of 104 responses, which RUFH_INFORMATIONAL turns on. */
const HEADERS = { 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1', 'Content-Length': '10' }

/** The statuses that a client gets for a creation whose second half it sends when it has a 104, and no sooner. */
type Create = (address: ProxyAddress) => Promise<number[]>

const HTTP1 = ['HTTP/1.1', createByHttp1] as const
const HTTP2 = ['HTTP/2', createByHttp2] as const

const CASES: readonly (readonly [ProxyProgram, readonly (readonly [name: string, create: Create])[]])[] = [
  ['haproxy', [HTTP1, HTTP2]],
  ['caddy', [HTTP1, HTTP2]],
  ['nginx', [HTTP1]],
]

const ENV = { IP_TRUST_PROXY: 'loopback', RUFH_INFORMATIONAL: 'true' }

for (const [program, clients] of CASES)
  describe.skipIf(isLeftOut(program))(`104 responses behind ${program}`, () => {
    let bench: ProxyBench

    beforeAll(async () => {
      bench = await openProxyBench({ program }, () => ENV)
    })

    afterAll(() => bench?.close())

    test.each(clients)('reach clients of %s while they send', async (_name, create) => {
      expect(await create(bench.address)).toEqual([104, 201])
    })
  })

// Should a newer nginx do better, docs/ietf.md and docs/proxies.md have to say so.
test.skipIf(isLeftOut('nginx'))('behind nginx, clients of HTTP/2 get no answer after a 104', async () => {
  const bench = await openProxyBench({ program: 'nginx' }, () => ENV)
  const waited = delay(2_000).then(() => Promise.reject(new Error('no answer')))
  await expect(Promise.race([createByHttp2(bench.address), waited])).rejects.toThrow(
    /PROTOCOL_ERROR|no answer/,
  )
  await bench.close()
})

async function createByHttp1({ port, ca }: ProxyAddress): Promise<number[]> {
  const request = requestHttps({
    port,
    ca,
    host: 'localhost',
    method: 'POST',
    path: '/files',
    headers: HEADERS,
  })
  const statuses: number[] = []
  request.on('information', ({ statusCode }: { statusCode: number }) => {
    statuses.push(statusCode)
    request.end('world')
  })
  request.write('hello')
  const [response] = (await once(request, 'response')) as [{ statusCode: number; resume: () => void }]
  response.resume()
  return [...statuses, response.statusCode]
}

async function createByHttp2({ port, ca }: ProxyAddress): Promise<number[]> {
  const session = connectHttp2(`https://localhost:${port}`, { ca })
  try {
    const stream = session.request({ ...HEADERS, ':method': 'POST', ':path': '/files' })
    const statuses: number[] = []
    stream.on('headers', (headers) => {
      statuses.push(Number(headers[':status']))
      stream.end('world')
    })
    stream.write('hello')
    const [headers] = (await once(stream, 'response')) as [Record<string, string>]
    stream.resume()
    await once(stream, 'end')
    return [...statuses, Number(headers[':status'])]
  } finally {
    session.destroy()
  }
}
