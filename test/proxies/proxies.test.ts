import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OCTET_STREAM } from '../support/tus-test-server.ts'
import { type ProxyBench, openProxyBench } from './bench.ts'
import { CLIENTS, type OpenRequest, type ProxyClient } from './clients.ts'
import type { ProxyVariant } from './configurations.ts'
import { isLeftOut } from './programs.ts'
import { ProxiedUploads, TUS, expectRefusal } from './proxied-uploads.ts'
import { BODY_IDLE_MS, hiddenStalls, seenStalls } from './stall-suites.ts'
import { tusJsClient } from './tus-js-client-suite.ts'

const MIB = 1024 ** 2

const VARIANTS: readonly (readonly [name: string, variant: ProxyVariant])[] = [
  ['nginx', { program: 'nginx' }],
  ['nginx that buffers requests', { program: 'nginx', isBuffering: true }],
  ['HAProxy', { program: 'haproxy' }],
  ['Caddy', { program: 'caddy' }],
]

const CASES = VARIANTS.flatMap(([name, variant]) => CLIENTS.map((client) => [name, variant, client] as const))

for (const [proxyName, variant, clientKind] of CASES)
  describe.skipIf(isLeftOut(variant.program))(`behind ${proxyName}, with ${clientKind[0]}`, () => {
    const isBuffering = variant.isBuffering === true
    const suites = [
      isBuffering ? hiddenStalls : seenStalls,
      ...(clientKind[0] === 'HTTP/1.1' ? [tusJsClient] : []),
    ]
    let bench: ProxyBench
    let uploads: ProxiedUploads
    let client: ProxyClient

    beforeAll(async () => {
      bench = await openProxyBench(variant, () => ({
        IP_TRUST_PROXY: 'loopback',
        BODY_IDLE_TIMEOUT: `${BODY_IDLE_MS}ms`,
      }))
      uploads = new ProxiedUploads(bench, clientKind)
      client = uploads.client
    })

    afterAll(() => bench?.close())

    test('the upload URL is that of the proxy: https, its host and port', async () => {
      const answer = await client.send('POST', '/files', { ...TUS, 'Upload-Length': '3' })
      expect(answer.status).toBe(201)
      expect(answer.headers['location']).toMatch(new RegExp(`^${bench.proxy.url}/files/local/[0-9a-f]{32}$`))
    })

    test.each([
      { 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'http' },
      { Forwarded: 'for=127.0.0.1;host=evil.example;proto=http' },
      {
        'X-Forwarded-For': '127.0.0.1, 127.0.0.1',
        Forwarded: 'host=evil.example, for=127.0.0.1;host=evil.example',
      },
      { 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example' },
      { 'X-Forwarded-Port': '1', 'X-Forwarded-Prefix': '/evil' },
    ])('what a client says of itself (%j) is not in it', async (forged) => {
      const answer = await client.send('POST', '/files', { ...TUS, 'Upload-Length': '3', ...forged })
      expect(answer.status).toBe(201)
      expect(answer.headers['location']).toMatch(new RegExp(`^${bench.proxy.url}/files/local/`))
    })

    test('creation with the bytes, HEAD, GET and DELETE go through', async () => {
      const created = await client.send(
        'POST',
        '/files',
        { ...TUS, 'Upload-Length': '5', 'Content-Type': OCTET_STREAM },
        Buffer.from('hello'),
      )
      expect([created.status, created.headers['upload-offset']]).toEqual([201, '5'])
      const { pathname } = new URL(String(created.headers['location']))
      const head = await client.send('HEAD', pathname, TUS)
      expect([head.status, head.headers['upload-offset'], head.body.byteLength]).toEqual([200, '5', 0])
      expect((await client.send('GET', pathname)).body.toString()).toBe('hello')
      expect((await client.send('DELETE', pathname, TUS)).status).toBe(204)
      expect((await client.send('HEAD', pathname, TUS)).status).toBe(404)
    })

    test('POST with X-HTTP-Method-Override is the PATCH that it says', async () => {
      const path = await uploads.create(5)
      const headers = {
        ...TUS,
        'X-HTTP-Method-Override': 'PATCH',
        'Content-Type': OCTET_STREAM,
        'Upload-Offset': '0',
      }
      const answer = await client.send('POST', path, headers, Buffer.from('hello'))
      expect([answer.status, answer.headers['upload-offset']]).toEqual([204, '5'])
    })

    test('OPTIONS tells what the server can do', async () => {
      const answer = await client.send('OPTIONS', '/files')
      expect(answer.status).toBe(200)
      expect(answer.headers['tus-extension']).toContain('creation')
    })

    test('20 MiB that are cut in the middle arrive whole after a resume', { timeout: 60_000 }, async () => {
      const content = randomBytes(20 * MIB)
      const path = await uploads.create(content.byteLength)
      const request = await uploads.openPatch(path, 0, content.byteLength)
      for (let sent = 0; sent < 11 * MIB; sent += MIB) await request.write(content.subarray(sent, sent + MIB))
      await delay(300)
      request.cut()
      const offset = await uploads.offsetOf(path)
      // A proxy that buffers has passed on nothing, and forgets what it had.
      expect(offset).toBeGreaterThanOrEqual(isBuffering ? 0 : 8 * MIB)
      expect(offset).toBeLessThanOrEqual(isBuffering ? 0 : 11 * MIB)
      const answer = await uploads.patch(path, offset, content.subarray(offset))
      expect([answer.status, answer.headers['upload-offset']]).toEqual([204, String(20 * MIB)])
      const { body } = await client.send('GET', path)
      expect(sha256(body)).toBe(sha256(content))
    })

    test('a wrong offset is told to a client that is still sending: a whole 409', async () => {
      const path = await uploads.create(64 * MIB)
      const request = await uploads.openPatch(path, 7, 8 * MIB)
      const sending = sendSlowly(request, 8 * MIB)
      expectRefusal(await request.answer, 409, 'ERR_OFFSET_MISMATCH')
      await sending
      expect(await uploads.offsetOf(path)).toBe(0)
    })

    test('so is a body that is too long: a whole 413', async () => {
      const path = await uploads.create(5)
      const request = await uploads.openPatch(path, 0, 8 * MIB)
      const sending = sendSlowly(request, 8 * MIB)
      expectRefusal(await request.answer, 413, 'ERR_UPLOAD_SIZE_EXCEEDED')
      await sending
      expect(await uploads.offsetOf(path)).toBe(0)
    })

    for (const suite of suites) suite(() => uploads)

    // The last one: nothing is behind the proxy any more.
    test('while Tusker is away, a HEAD is told to come back, as a client would start again on anything but 423', async () => {
      const path = await uploads.create(5)
      await bench.app.stop()
      const head = await client.send('HEAD', path, TUS)
      expect([head.status, head.body.byteLength]).toEqual([423, 0])
      expect(Number(head.headers['retry-after'])).toBeGreaterThan(0)
      const answer = await uploads.patch(path, 0, Buffer.from('hello'))
      expect(answer.status).toBeGreaterThanOrEqual(502)
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    })
  })

/** Sends as long as the other side takes it, in pieces, as a client does that reads a file. */
async function sendSlowly(request: OpenRequest, lengthBytes: number): Promise<void> {
  for (let sent = 0; sent < lengthBytes; sent += MIB / 4) {
    await request.write(Buffer.alloc(MIB / 4))
    await delay(5)
  }
  request.end()
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
