import { rm } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import supertest from 'supertest'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TuskerError } from '../../src/core/errors.ts'
import { type RunningApp, sendRaw, startApp } from '../support/start-app.ts'
import { type StubApp, startStubApp } from '../support/stub-app.ts'

const UNKNOWN = 'a'.repeat(32)

describe('an error', () => {
  let app: RunningApp
  beforeAll(async () => {
    app = await startApp()
  })
  afterAll(() => app.close())

  test('has a code, a message and the id of the request', async () => {
    const response = await supertest(app.url).get('/nothing').set('X-Request-ID', 'my-id')
    expect(response.status).toBe(404)
    expect(response.headers['content-type']).toMatch(/^application\/json/)
    expect(response.body).toEqual({
      error: { code: 'ERR_ROUTE_NOT_FOUND', message: 'There is nothing at this URL', requestId: 'my-id' },
    })
  })

  test('of a HEAD has no body', async () => {
    const answer = await sendRaw(app.port, `HEAD /files/local/${UNKNOWN} HTTP/1.1`, 'Host: localhost')
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
    expect(answer.split('\r\n\r\n')[1]).toBe('')
  })

  test('is not to be cached', async () => {
    const response = await supertest(app.url).get(`/files/local/${UNKNOWN}`)
    expect(response.headers['cache-control']).toBe('no-store')
  })

  test.each(['/health', '/ready', '/page.json', '/'])(
    'of a method that %s does not have is 405 with Allow',
    async (path) => {
      const response = await supertest(app.url).delete(path)
      expect(response.status).toBe(405)
      expect(response.headers['allow']).toBe('GET, HEAD')
      expect(response.body).toMatchObject({ error: { code: 'ERR_METHOD_NOT_ALLOWED' } })
    },
  )

  test('of a client is no error of ours in the log', async () => {
    await supertest(app.url).get(`/files/local/${UNKNOWN}`)
    expect(app.logs.filter(({ level }) => Number(level) >= 50)).toEqual([])
  })
})

describe('trouble on our side', () => {
  let app: StubApp
  beforeEach(async () => {
    app = await startStubApp()
  })
  afterEach(() => app.close())

  test('is told without anything internal, and logged with its cause', async () => {
    app.fail(new Error('EACCES: permission denied, open /srv/secret/file'))
    const response = await supertest(app.url).patch(`/files/local/${UNKNOWN}`).set('Tus-Resumable', '1.0.0')
    expect(response.status).toBe(500)
    expect(response.body).toMatchObject({
      error: { code: 'ERR_INTERNAL', message: 'Something went wrong on the server' },
    })
    expect(response.text).not.toMatch(/EACCES|secret|stack/)
    const logged = app.logs.find(({ level, err }) => Number(level) >= 50 && err !== undefined)
    expect(logged).toMatchObject({
      requestId: response.headers['x-request-id'],
      err: {
        code: 'ERR_INTERNAL',
        cause: { message: expect.stringContaining('/srv/secret/file') as string },
      },
    })
  })

  test.each([
    [new TuskerError('ERR_STORAGE_UNAVAILABLE'), 503],
    [new TuskerError('ERR_SERVER_SHUTDOWN'), 503],
    [new TuskerError('ERR_UPLOAD_LOCKED'), 423],
  ])('that passes (%s) says when to ask again', async (error, status) => {
    app.fail(error)
    const response = await supertest(app.url).patch(`/files/local/${UNKNOWN}`)
    expect(response.status).toBe(status)
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0)
  })

  test('answers the HEAD of a tus client with 423: on anything else it would start from zero', async () => {
    app.fail(new TuskerError('ERR_STORAGE_UNAVAILABLE'))
    const response = await supertest(app.url).head(`/files/local/${UNKNOWN}`).set('Tus-Resumable', '1.0.0')
    expect(response.status).toBe(423)
    expect(app.logs.some(({ level }) => Number(level) >= 50)).toBe(true)
  })

  test('after half an answer breaks the connection', async () => {
    app.serve((_request, response) => {
      response.writeHead(200, { 'Content-Length': 100 })
      response.write('half')
      return delay(20).then(() => Promise.reject(new Error('broken')))
    })
    await expect(supertest(app.url).patch(`/files/local/${UNKNOWN}`)).rejects.toThrow(
      /aborted|hang up|ECONNRESET/,
    )
  })

  test('does not stop the server', async () => {
    app.fail('not even an Error')
    expect((await supertest(app.url).patch(`/files/local/${UNKNOWN}`)).status).toBe(500)
    expect((await supertest(app.url).get('/health')).status).toBe(200)
  })
})

describe('a body that nobody wants', () => {
  test('does not keep the client from reading why: the answer comes, then the connection ends', async () => {
    const app = await startStubApp()
    app.fail(new TuskerError('ERR_OFFSET_MISMATCH'))
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
    let received = ''
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
    socket.on('error', () => undefined)
    socket.write(
      `PATCH /files/local/${UNKNOWN} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n`,
    )
    const sending = setInterval(() => socket.write(Buffer.alloc(65_536)), 10)
    await expect.poll(() => received).toContain('ERR_OFFSET_MISMATCH')
    expect(received).toMatch(/^HTTP\/1\.1 409 /)
    expect(socket.destroyed).toBe(false)
    await expect.poll(() => socket.destroyed, { timeout: 10_000 }).toBe(true)
    clearInterval(sending)
    await app.close()
  })
})

test('a location whose directory is gone does not show its path', async () => {
  const app = await startApp()
  const path = await app.upload('abc')
  await rm(join(app.root, 'local'), { recursive: true })
  const responses = [
    await supertest(app.url).get(path),
    await supertest(app.url).post('/files').set({ 'Tus-Resumable': '1.0.0', 'Upload-Length': '3' }),
  ]
  for (const response of responses) {
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(response.text).not.toContain(app.root)
  }
  await app.close()
})
