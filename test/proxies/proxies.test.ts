import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sha256OfUrl, writeSampleFile } from '../support/sample-file.ts'
import { runClient } from '../support/tus-client.ts'
import { type ProxyBench, openProxyBench } from './bench.ts'
import { type Answer, CLIENTS, type OpenRequest, type ProxyClient, createClient } from './clients.ts'
import type { ProxyVariant } from './configurations.ts'
import { isLeftOut } from './programs.ts'

const MIB = 1024 ** 2
const TUS = { 'Tus-Resumable': '1.0.0' }
const BODY_IDLE_MS = 1_000

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
    let bench: ProxyBench
    let client: ProxyClient

    beforeAll(async () => {
      bench = await openProxyBench(variant, () => ({
        IP_TRUST_PROXY: 'loopback',
        BODY_IDLE_TIMEOUT: `${BODY_IDLE_MS}ms`,
      }))
      client = createClient(clientKind, bench.address)
    })

    afterAll(() => bench?.close())

    async function create(lengthBytes: number): Promise<string> {
      const answer = await client.send('POST', '/files', { ...TUS, 'Upload-Length': String(lengthBytes) })
      expect(answer.status).toBe(201)
      return new URL(String(answer.headers['location'])).pathname
    }

    function openPatch(path: string, offset: number, lengthBytes: number): Promise<OpenRequest> {
      return client.open('PATCH', path, {
        ...TUS,
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': String(offset),
        'Content-Length': String(lengthBytes),
      })
    }

    async function patch(path: string, offset: number, bytes: Buffer): Promise<Answer> {
      const request = await openPatch(path, offset, bytes.byteLength)
      await request.write(bytes)
      request.end()
      return await request.answer
    }

    async function offsetOf(path: string): Promise<number> {
      const head = await client.send('HEAD', path, TUS)
      expect(head.status).toBe(200)
      return Number(head.headers['upload-offset'])
    }

    function expectRefusal(answer: Answer, status: number, code: string): void {
      expect(answer.status).toBe(status)
      expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code } })
    }

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
        { ...TUS, 'Upload-Length': '5', 'Content-Type': 'application/offset+octet-stream' },
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
      const path = await create(5)
      const headers = {
        ...TUS,
        'X-HTTP-Method-Override': 'PATCH',
        'Content-Type': 'application/offset+octet-stream',
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
      const path = await create(content.byteLength)
      const request = await openPatch(path, 0, content.byteLength)
      for (let sent = 0; sent < 11 * MIB; sent += MIB) await request.write(content.subarray(sent, sent + MIB))
      await delay(300)
      request.cut()
      const offset = await offsetOf(path)
      // A proxy that buffers has passed on nothing, and forgets what it had.
      expect(offset).toBeGreaterThanOrEqual(isBuffering ? 0 : 8 * MIB)
      expect(offset).toBeLessThanOrEqual(isBuffering ? 0 : 11 * MIB)
      const answer = await patch(path, offset, content.subarray(offset))
      expect([answer.status, answer.headers['upload-offset']]).toEqual([204, String(20 * MIB)])
      const { body } = await client.send('GET', path)
      expect(sha256(body)).toBe(sha256(content))
    })

    test('a wrong offset is told to a client that is still sending: a whole 409', async () => {
      const path = await create(64 * MIB)
      const request = await openPatch(path, 7, 8 * MIB)
      const sending = sendSlowly(request, 8 * MIB)
      expectRefusal(await request.answer, 409, 'ERR_OFFSET_MISMATCH')
      await sending
      expect(await offsetOf(path)).toBe(0)
    })

    test('so is a body that is too long: a whole 413', async () => {
      const path = await create(5)
      const request = await openPatch(path, 0, 8 * MIB)
      const sending = sendSlowly(request, 8 * MIB)
      expectRefusal(await request.answer, 413, 'ERR_UPLOAD_SIZE_EXCEEDED')
      await sending
      expect(await offsetOf(path)).toBe(0)
    })

    test.skipIf(isBuffering)('a HEAD ends a PATCH that stalls, and its client gets a whole 423', async () => {
      const path = await create(100)
      const request = await openPatch(path, 0, 100)
      await request.write(Buffer.alloc(40))
      await delay(300)
      const startedAt = Date.now()
      expect(await offsetOf(path)).toBe(40)
      expect(Date.now() - startedAt).toBeLessThan(500)
      expectRefusal(await request.answer, 423, 'ERR_UPLOAD_INTERRUPTED')
      request.cut()
      expect((await patch(path, 40, Buffer.alloc(60))).status).toBe(204)
    })

    test.skipIf(isBuffering)(
      'a client that stalls is told so with a whole 503, and its bytes are kept',
      async () => {
        const path = await create(100)
        const request = await openPatch(path, 0, 100)
        await request.write(Buffer.alloc(40))
        expectRefusal(await request.answer, 503, 'ERR_BODY_IDLE')
        request.cut()
        expect(await offsetOf(path)).toBe(40)
      },
    )

    test.skipIf(!isBuffering)(
      'a PATCH that stalls in the proxy hides from Tusker: HEAD is at what was there',
      async () => {
        const path = await create(100)
        const request = await openPatch(path, 0, 100)
        await request.write(Buffer.alloc(40))
        await delay(300)
        expect(await offsetOf(path)).toBe(0)
        await request.write(Buffer.alloc(60))
        request.end()
        expect((await request.answer).status).toBe(204)
      },
    )

    // tus-js-client in Node speaks HTTP/1.1 only.
    test.skipIf(clientKind[0] !== 'HTTP/1.1').each([undefined, 4 * MIB])(
      'tus-js-client that is killed in the middle of 20 MiB is resumed by a new one (chunks of %s bytes)',
      { timeout: 60_000 },
      async (chunkSize) => {
        const file = await writeSampleFile(join(bench.directory, `file-${chunkSize}`), 20 * MIB)
        const run = {
          endpoint: `${bench.proxy.url}/files`,
          file: file.path,
          urlStore: join(bench.directory, `urls-${chunkSize}.json`),
          trustedCertificate: bench.certificate.certificatePath,
          ...(chunkSize !== undefined && { chunkSize }),
        }
        const killed = await runClient({ ...run, dieAtByte: 11 * MIB })
        expect(killed.succeeded).toBe(false)
        const result = await runClient(run)
        expect([result.resumed, result.succeeded]).toEqual([true, true])
        expect(result.url).toBe(killed.url)
        const { pathname } = new URL(result.url ?? '')
        expect(await sha256OfUrl(bench.app.url + pathname)).toBe(file.sha256)
      },
    )

    // The last one: nothing is behind the proxy any more.
    test('while Tusker is away, a HEAD is told to come back, as a client would start again on anything but 423', async () => {
      const path = await create(5)
      await bench.app.stop()
      const head = await client.send('HEAD', path, TUS)
      expect([head.status, head.body.byteLength]).toEqual([423, 0])
      expect(Number(head.headers['retry-after'])).toBeGreaterThan(0)
      const answer = await patch(path, 0, Buffer.from('hello'))
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
