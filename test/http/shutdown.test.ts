import { once } from 'node:events'
import { type RequestListener, get } from 'node:http'
import { type Socket, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import supertest from 'supertest'
import { afterEach, describe, expect, test } from 'vitest'
import { createHttpServer, listen, shutDown } from '../../src/http/http-server.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const HOST = '127.0.0.1'
const toClose: (() => void)[] = []

afterEach(() => {
  for (const close of toClose.splice(0)) close()
})

async function serve(
  app: RequestListener,
): Promise<{ http: ReturnType<typeof createHttpServer>; port: number }> {
  const http = createHttpServer(app)
  const port = await listen(http, { host: HOST, port: 0 })
  toClose.push(() => {
    http.server.close()
    http.server.closeAllConnections()
  })
  return { http, port }
}

/** A connection that gathers what comes. */
async function open(port: number, text = ''): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, HOST)
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(text)
  toClose.push(() => socket.destroy())
  return { socket, received: () => received }
}

const nothing = (): Promise<void> => Promise.resolve()
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

describe('the server', () => {
  test('leaves long bodies alone and outlasts the idle connections of proxies', async () => {
    const { http } = await serve(() => undefined)
    expect(http.server.requestTimeout).toBe(0)
    expect(http.server.headersTimeout).toBeGreaterThan(0)
    expect(http.server.keepAliveTimeout).toBeGreaterThan(60_000)
  })

  test('says in plain words that a port is taken', async () => {
    const other = createServer().listen(0, HOST)
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    await expect(
      listen(
        createHttpServer(() => undefined),
        { host: HOST, port },
      ),
    ).rejects.toThrow(`Can't listen on 127.0.0.1, port ${port}: another program uses that port`)
    other.close()
  })

  test('says in plain words that the address is not its own', async () => {
    await expect(
      listen(
        createHttpServer(() => undefined),
        { host: '192.0.2.1', port: 0 },
      ),
    ).rejects.toThrow('this machine does not have that address')
  })
})

describe('shutting down', () => {
  test('lets a running answer come to its end, and closes its connection', async () => {
    let finish: () => void = () => undefined
    const { http, port } = await serve((_request, response) => (finish = () => response.end('whole')))
    const { socket, received } = await open(port, REQUEST)
    await once(http.server, 'request')
    const down = shutDown(http, { interrupt: nothing, timeoutMs: 5_000 })
    await delay(50)
    finish()
    expect(await down).toBe(true)
    if (!socket.closed) await once(socket, 'close')
    expect(received()).toContain('Connection: close')
    expect(received()).toContain('whole')
  })

  test('closes at once what is idle: kept alive, or never used', async () => {
    const { http, port } = await serve((_request, response) => response.end('done'))
    const used = await open(port, REQUEST)
    await expect.poll(used.received).toContain('done')
    const unused = await open(port)
    const started = Date.now()
    expect(await shutDown(http, { interrupt: nothing, timeoutMs: 10_000 })).toBe(true)
    expect(Date.now() - started).toBeLessThan(2_000)
    await expect.poll(() => used.socket.closed && unused.socket.closed).toBe(true)
  })

  test('takes no new connections', async () => {
    const { http, port } = await serve(() => undefined)
    await shutDown(http, { interrupt: nothing, timeoutMs: 1_000 })
    const socket = connect(port, HOST)
    await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED')
  })

  test('interrupts what runs, and waits for its answer', async () => {
    let interrupt: () => void = () => undefined
    const { http, port } = await serve(
      (_request, response) => (interrupt = () => response.writeHead(503).end('kept')),
    )
    const { received } = await open(port, REQUEST)
    await once(http.server, 'request')
    const isClean = await shutDown(http, {
      interrupt: () => {
        interrupt()
        return Promise.resolve()
      },
      timeoutMs: 5_000,
    })
    expect(isClean).toBe(true)
    await expect.poll(received).toContain('kept')
  })

  test('cuts what has not ended in time, an interrupt that hangs too', async () => {
    const { http, port } = await serve(() => undefined)
    const { socket } = await open(port, REQUEST)
    await once(http.server, 'request')
    const hangs = (): Promise<void> => new Promise(() => undefined)
    expect(await shutDown(http, { interrupt: hangs, timeoutMs: 100 })).toBe(false)
    await expect.poll(() => socket.closed).toBe(true)
  })

  test('fails if the interrupt fails, but only once everything is closed', async () => {
    const { http, port } = await serve(
      (_request, response) => void setTimeout(() => response.end('done'), 100),
    )
    const { received } = await open(port, REQUEST)
    await once(http.server, 'request')
    const down = shutDown(http, { interrupt: () => Promise.reject(new Error('broken')), timeoutMs: 5_000 })
    await expect(down).rejects.toThrow('broken')
    expect(http.server.listening).toBe(false)
    await expect.poll(received).toContain('done')
  })
})

describe('an upload that is running when the server stops', () => {
  const started: RunningApp[] = []
  afterEach(() => Promise.all(started.splice(0).map((app) => app.close())))

  test('keeps what has arrived, and its client is told to come again', async () => {
    const app = await startApp()
    started.push(app)
    const created = await supertest(app.url)
      .post('/files')
      .set({ 'Tus-Resumable': '1.0.0', 'Upload-Length': '1000' })
    const { pathname } = new URL(created.headers['location'] ?? '')
    const head = [
      `PATCH ${pathname} HTTP/1.1`,
      'Host: localhost',
      'Tus-Resumable: 1.0.0',
      'Upload-Offset: 0',
      'Content-Type: application/offset+octet-stream',
      'Content-Length: 1000',
    ]
    const { received } = await open(app.port, `${head.join('\r\n')}\r\n\r\n${'x'.repeat(300)}`)
    await delay(200)
    await app.stop()
    await expect.poll(received).toMatch(/^HTTP\/1\.1 503 /)
    expect(received()).toContain('ERR_SERVER_SHUTDOWN')
    expect(received()).toMatch(/Retry-After: \d/)
    expect(received()).toContain('Connection: close')

    const next = await startApp({ env: { STORAGE_LOCAL_ROOT: `${app.root}/local` } })
    started.push(next)
    const answer = await supertest(next.url).head(pathname).set('Tus-Resumable', '1.0.0')
    expect(answer.headers['upload-offset']).toBe('300')
  })

  test('a download that is running is let finish', async () => {
    const app = await startApp()
    started.push(app)
    const path = await app.upload(Buffer.alloc(12 * 1024 ** 2, 1))
    const receivedBytes = new Promise<number>((resolve, reject) => {
      get(app.url + path, (response) => {
        let bytes = 0
        void app.stop()
        setTimeout(() => response.on('data', (chunk: Buffer) => (bytes += chunk.length)), 200)
        response.on('end', () => resolve(bytes))
        response.on('error', reject)
      })
    })
    expect(await receivedBytes).toBe(12 * 1024 ** 2)
  })
})
