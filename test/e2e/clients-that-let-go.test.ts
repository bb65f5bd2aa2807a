import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDeadLine } from '../support/dead-line.ts'
import { type E2eBackend, E2E_BACKENDS } from '../support/e2e-backends.ts'
import { sha256OfUrl } from '../support/sample-file.ts'
import { type RunningServer, startServer } from '../support/start-server.ts'
import { OCTET_STREAM, RawRequest } from '../support/tus-test-server.ts'

const MIB = 1024 ** 2
const TUS = { 'Tus-Resumable': '1.0.0' }
const IDLE_MS = 2_000
/** Not after the idle time: because somebody asked. */
const AT_ONCE_MS = 1_000
/** Long enough for a few MiB to get from one process on this machine into another. */
const ON_THE_WAY_MS = 400

/** A tail alone, and a part and a tail where parts are of 5 MiB. */
const SENT = [300_007, 6 * MIB + 12_345]

/** What a HEAD answers after a client has gone in one way or another is exact: what it sent, not a byte less. */
describe.each(E2E_BACKENDS)('clients that let go of uploads to %s', (_name, openBackend) => {
  const content = randomBytes(9 * MIB + 1)
  let directory: string
  let backend: E2eBackend
  let server: RunningServer

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tusker-let-go-'))
    backend = await openBackend(directory)
    await start()
  })

  afterAll(async () => {
    await server?.stop()
    await backend?.close()
    await rm(directory, { recursive: true, force: true })
  })

  async function start(): Promise<void> {
    const env = { ...backend.env, BODY_IDLE_TIMEOUT: `${IDLE_MS}ms` }
    server = await startServer({ env, cwd: directory })
  }

  function send(method: string, path: string, headers: Record<string, string> = {}, body?: Buffer) {
    return fetch(server.url + path, { method, headers: { ...TUS, ...headers }, body: body ?? null })
  }

  async function create(lengthBytes = content.byteLength): Promise<string> {
    const response = await send('POST', '/files', { 'Upload-Length': String(lengthBytes) })
    expect(response.status).toBe(201)
    return new URL(response.headers.get('location') ?? '').pathname
  }

  async function openPatch(path: string, { offset = 0, port = server.port } = {}): Promise<RawRequest> {
    return await RawRequest.open({
      port,
      method: 'PATCH',
      path,
      headers: {
        'Content-Type': OCTET_STREAM,
        'Upload-Offset': String(offset),
        'Content-Length': String(content.byteLength - offset),
      },
    })
  }

  /** A new upload, and a PATCH of which so much has been sent and has arrived. */
  async function sendPart(sentBytes: number): Promise<{ path: string; request: RawRequest }> {
    const path = await create()
    const request = await openPatch(path)
    await sendAll(request, content.subarray(0, sentBytes))
    return { path, request }
  }

  async function offsetOf(path: string): Promise<number> {
    const response = await send('HEAD', path)
    expect(response.status).toBe(200)
    return Number(response.headers.get('upload-offset'))
  }

  async function patch(path: string, offset: number): Promise<number> {
    const headers = { 'Content-Type': OCTET_STREAM, 'Upload-Offset': String(offset) }
    return (await send('PATCH', path, headers, content.subarray(offset))).status
  }

  /** Sends the rest: what is stored then shows whether the bytes before it were the right ones. */
  async function expectResumable(path: string, offset: number): Promise<void> {
    expect(await patch(path, offset)).toBe(204)
    expect(await sha256OfUrl(server.url + path)).toBe(createHash('sha256').update(content).digest('hex'))
  }

  test.each(SENT)('FIN after %i bytes: all of them are there', async (sentBytes) => {
    const path = await create()
    const request = await openPatch(path)
    request.write(content.subarray(0, sentBytes))
    request.socket.end()
    await request.closed()
    expect(await offsetOf(path)).toBe(sentBytes)
    await expectResumable(path, sentBytes)
  })

  test.each(SENT)('RST after %i bytes that had arrived: all of them are there', async (sentBytes) => {
    const { path, request } = await sendPart(sentBytes)
    await delay(ON_THE_WAY_MS)
    request.socket.resetAndDestroy()
    expect(await offsetOf(path)).toBe(sentBytes)
    await expectResumable(path, sentBytes)
  })

  test('RST at full speed: what is there is a beginning of what was sent', async () => {
    const { path, request } = await sendPart(8 * MIB)
    request.socket.resetAndDestroy()
    const offset = await offsetOf(path)
    expect(offset).toBeLessThanOrEqual(8 * MIB)
    await expectResumable(path, offset)
  })

  test.each(SENT)('a stall after %i bytes: 503, and all of them are there', async (sentBytes) => {
    const { path, request } = await sendPart(sentBytes)
    expect(await request.status()).toBe(503)
    expect(request.received).toContain('ERR_BODY_IDLE')
    await request.closed()
    expect(await offsetOf(path)).toBe(sentBytes)
    await expectResumable(path, sentBytes)
  })

  test('a line that dies in silence: the connection is given up after the idle time, and all is there', async () => {
    const line = await openDeadLine(server.port)
    const path = await create()
    const request = await openPatch(path, { port: line.port })
    await sendAll(request, content.subarray(0, 300_007))
    await delay(ON_THE_WAY_MS)
    line.die()
    request.socket.destroy()
    const startedAt = Date.now()
    await line.serverLetGo()
    expect(Date.now() - startedAt).toBeLessThan(IDLE_MS + 3_000)
    expect(await offsetOf(path)).toBe(300_007)
    await expectResumable(path, 300_007)
    await line.close()
  })

  test('a client whose line has died comes back on another, and does not wait for the idle time', async () => {
    const line = await openDeadLine(server.port)
    const path = await create()
    const request = await openPatch(path, { port: line.port })
    await sendAll(request, content.subarray(0, 300_007))
    await delay(ON_THE_WAY_MS)
    line.die()
    request.socket.destroy()
    const startedAt = Date.now()
    expect(await offsetOf(path)).toBe(300_007)
    expect(Date.now() - startedAt).toBeLessThan(AT_ONCE_MS)
    await expectResumable(path, 300_007)
    await line.close()
  })

  describe.each(SENT)('a PATCH that hangs after %i bytes', (sentBytes) => {
    test('lets go at once for a HEAD, which answers all that was sent', async () => {
      const { path, request } = await sendPart(sentBytes)
      await delay(ON_THE_WAY_MS)
      const startedAt = Date.now()
      expect(await offsetOf(path)).toBe(sentBytes)
      expect(Date.now() - startedAt).toBeLessThan(AT_ONCE_MS)
      expect(await request.status()).toBe(423)
      expect(request.received).toContain('ERR_UPLOAD_INTERRUPTED')
      await expectResumable(path, sentBytes)
    })

    test('lets go at once for the PATCH that goes on where it was', async () => {
      const { path, request } = await sendPart(sentBytes)
      await delay(ON_THE_WAY_MS)
      const startedAt = Date.now()
      await expectResumable(path, sentBytes)
      expect(Date.now() - startedAt).toBeLessThan(IDLE_MS)
      expect(await request.status()).toBe(423)
    })

    test('lets go at once for a DELETE, and nothing is left', async () => {
      const { path, request } = await sendPart(sentBytes)
      await delay(ON_THE_WAY_MS)
      const startedAt = Date.now()
      expect((await send('DELETE', path)).status).toBe(204)
      expect(Date.now() - startedAt).toBeLessThan(AT_ONCE_MS)
      expect(await request.status()).toBe(423)
      expect((await send('HEAD', path)).status).toBe(404)
      await backend.expectNoRemains()
    })

    test('is told of a SIGTERM, and the next server has all of it', async () => {
      const { path, request } = await sendPart(sentBytes)
      await delay(ON_THE_WAY_MS)
      const startedAt = Date.now()
      const stopped = server.stop()
      expect(await request.status()).toBe(503)
      expect(request.received).toContain('ERR_SERVER_SHUTDOWN')
      expect(await stopped).toBe(0)
      expect(Date.now() - startedAt).toBeLessThan(5_000)
      await start()
      expect(await offsetOf(path)).toBe(sentBytes)
      await expectResumable(path, sentBytes)
    })
  })

  test('a SIGTERM at full speed: what the next server has is a beginning of what was sent', async () => {
    const path = await create()
    const request = await openPatch(path)
    request.write(content.subarray(0, -1))
    await delay(5)
    expect(await server.stop()).toBe(0)
    request.socket.destroy()
    await start()
    await expectResumable(path, await offsetOf(path))
  })

  test('a client at 5 KB a second is not cut off, however long it takes', async () => {
    const path = await create()
    const request = await openPatch(path, { offset: 0 })
    for (let sent = 0; sent < 20_000; sent += 1_000) {
      request.write(content.subarray(sent, sent + 1_000))
      await delay(200)
    }
    expect(request.received).toBe('')
    expect(await offsetOf(path)).toBe(20_000)
    await expectResumable(path, 20_000)
  })
})

/** Resolves when the last byte is with the system. */
async function sendAll(request: RawRequest, bytes: Buffer): Promise<void> {
  if (!request.socket.write(bytes)) await once(request.socket, 'drain')
}
