import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import supertest from 'supertest'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApp, startApp } from '../support/start-app.ts'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

let app: RunningApp
let socket: Socket
let received: string

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app.close())
afterEach(() => socket.destroy())

/** Sends the head of a request whose client waits with the body until it is told to go on. */
async function ask(line: string, headers: Readonly<Record<string, string>>): Promise<void> {
  received = ''
  socket = connect(app.port, '127.0.0.1')
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  await once(socket, 'connect')
  const all = { Host: 'localhost', 'Tus-Resumable': '1.0.0', 'Content-Length': '5', Expect: '100-continue' }
  const lines = Object.entries({ ...all, ...headers }).map(([name, value]) => `${name}: ${value}`)
  socket.write([`${line} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
}

const PIECE = { 'Content-Type': 'application/offset+octet-stream', 'Upload-Length': '5' }

async function createUpload(): Promise<string> {
  const { headers } = await supertest(app.url)
    .post('/files')
    .set({ 'Tus-Resumable': '1.0.0', 'Upload-Length': '5' })
  return new URL(headers['location'] ?? '').pathname
}

describe('CW-04: a client that asks before it sends its body', () => {
  test('is told to go on, and its upload is stored', async () => {
    await ask('POST /files', PIECE)
    await expect.poll(() => received).toBe(CONTINUE)
    socket.write('hello')
    await expect.poll(() => received).toMatch(/HTTP\/1\.1 201 Created[^]*upload-offset: 5/i)
    // Once is enough.
    expect(received.split(CONTINUE)).toHaveLength(2)
  })

  test('with a PATCH too', async () => {
    const path = await createUpload()
    await ask(`PATCH ${path}`, { ...PIECE, 'Upload-Offset': '0' })
    await expect.poll(() => received).toBe(CONTINUE)
    socket.write('hello')
    await expect.poll(() => received).toContain('HTTP/1.1 204 No Content')
  })

  test.each([
    ['a length that is none', 'POST /files', { ...PIECE, 'Upload-Length': '-1' }, 400],
    ['a body over its length', 'POST /files', { ...PIECE, 'Upload-Length': '4' }, 413],
    ['another version', 'POST /files', { ...PIECE, 'Tus-Resumable': '0.2.2' }, 412],
    ['an unknown upload', `PATCH /files/local/${'a'.repeat(32)}`, { ...PIECE, 'Upload-Offset': '0' }, 404],
    ['a URL where nothing is', 'POST /nothing', {}, 404],
  ])('is refused for %s without being told to go on', async (_what, line, headers, status) => {
    await ask(line, headers)
    await expect.poll(() => received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    // What would have been the body is the next request to nobody.
    expect(received).toMatch(/^connection: close/im)
    await delay(100)
    expect(received).not.toContain('100 Continue')
  })

  test('is not asked for a body that is no piece of the upload', async () => {
    await ask('POST /files', { 'Upload-Length': '5', 'Content-Type': 'text/plain' })
    await expect.poll(() => received).toMatch(/^HTTP\/1\.1 201 /)
  })
})
