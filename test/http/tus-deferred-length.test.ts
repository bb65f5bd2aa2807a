import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import supertest, { type Test } from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { E2E_BACKENDS, type E2eBackend } from '../support/e2e-backends.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const MIB = 1024 ** 2
const MAX_BYTES = 16 * MIB

/** Sizes of the requests, and with which of them the length is declared: after the last one it has none of the bytes. */
const FORMS = [
  ['with the second request', [3, 4], 1],
  ['with the first bytes', [10, 10, 10], 0],
  ['mid-way', [10, 10, 10], 1],
  ['with the last bytes', [10, 10, 10], 2],
  ['with an empty last PATCH', [10, 10], 2],
  ['with an empty PATCH before any bytes', [0, 20], 0],
  ['of zero', [], 0],
  ['mid-way, with parts and tails', [6 * MIB, MIB, 8 * MIB, 10], 1],
  ['with the last bytes, which fill a part', [5 * MIB, 5 * MIB], 1],
  ['with an empty last PATCH, at the end of a part', [5 * MIB, 5 * MIB], 2],
] as const

describe.each(E2E_BACKENDS)('a deferred length, with %s', (_name, open) => {
  let backend: E2eBackend
  let app: RunningApp

  beforeAll(async () => {
    backend = await open('')
    app = await startApp({
      env: { ...backend.env, STORAGE_S3_TUS__CHUNK_SIZE: '5 MiB', FILES_MAX_UPLOAD_SIZE: String(MAX_BYTES) },
    })
  })

  afterAll(async () => {
    await app.close()
    await backend.close()
  })

  const send = (method: 'patch' | 'head' | 'post', path: string): Test =>
    supertest(app.url)[method](path).set('Tus-Resumable', '1.0.0')

  async function create(): Promise<string> {
    const { headers } = await send('post', '/files').set('Upload-Defer-Length', '1').expect(201)
    return new URL(headers['location'] ?? '').pathname
  }

  const patch = (path: string, offset: number, body: Buffer, headers: Record<string, string> = {}): Test =>
    send('patch', path)
      .set({ 'Upload-Offset': String(offset), ...headers })
      .type('application/offset+octet-stream')
      .send(body)

  async function stateOf(path: string): Promise<Record<string, string | undefined>> {
    const { headers } = await send('head', path).expect(200)
    const names = ['upload-offset', 'upload-length', 'upload-defer-length']
    return Object.fromEntries(names.map((name) => [name, headers[name]]))
  }

  const unknownAt = (offset: number) => ({
    'upload-offset': String(offset),
    'upload-length': undefined,
    'upload-defer-length': '1',
  })

  test.each(FORMS)('CR-08, CR-09: may be declared %s', async (_form, sizes, declaredWith) => {
    const content = randomBytes(sizes.reduce((sum, size) => sum + size, 0))
    const declaration = { 'Upload-Length': String(content.byteLength) }
    const path = await create()
    const before: unknown[][] = []
    let offset = 0
    for (const [index, size] of [...sizes, 0].entries()) {
      if (index < declaredWith) before.push([await stateOf(path), unknownAt(offset)])
      const body = content.subarray(offset, offset + size)
      await patch(path, offset, body, index === declaredWith ? declaration : {}).expect(204)
      offset += size
    }
    expect(await stateOf(path)).toMatchObject({
      'upload-offset': String(offset),
      'upload-length': String(offset),
    })
    const downloaded = Buffer.from(await (await fetch(app.url + path)).arrayBuffer())
    expect(downloaded.equals(content)).toBe(true)
  })

  test('CR-08: that is never declared stays unknown, and the file is not there', async () => {
    const path = await create()
    await patch(path, 0, Buffer.alloc(10)).expect(204)
    await patch(path, 10, Buffer.alloc(0)).expect(204)
    expect(await stateOf(path)).toEqual(unknownAt(10))
    await supertest(app.url).get(path).expect(404)
  })

  test.each([
    ['less than what is stored', '9', 400, 'ERR_INVALID_LENGTH'],
    ['less than what is stored and comes', '14', 413, 'ERR_UPLOAD_SIZE_EXCEEDED'],
    ['more than the server takes', String(MAX_BYTES + 1), 413, 'ERR_MAX_SIZE_EXCEEDED'],
    ['nonsense', '1e3', 400, 'ERR_INVALID_LENGTH'],
    ['negative', '-1', 400, 'ERR_INVALID_LENGTH'],
  ])('CR-07, CR-12: that is %s is refused, and nothing changes', async (_what, length, status, code) => {
    const path = await create()
    await patch(path, 0, Buffer.alloc(10)).expect(204)
    const answer = await patch(path, 10, Buffer.alloc(5), { 'Upload-Length': length })
    expect([answer.status, answer.body]).toMatchObject([status, { error: { code } }])
    expect(await stateOf(path)).toEqual(unknownAt(10))
  })

  test('CR-07: cannot be changed once it is declared', async () => {
    const path = await create()
    await patch(path, 0, Buffer.alloc(10), { 'Upload-Length': '20' }).expect(204)
    await patch(path, 10, Buffer.alloc(5), { 'Upload-Length': '25' }).expect(400)
    await patch(path, 10, Buffer.alloc(5), { 'Upload-Length': '20' }).expect(204)
    expect(await stateOf(path)).toMatchObject({ 'upload-offset': '15', 'upload-length': '20' })
  })

  test.each([
    ['the length that it declares', { 'Upload-Length': '100' }, 100],
    ['the largest upload of the server', {}, MAX_BYTES],
  ])('a chunked body is limited to the byte by %s', async (_what, headers, limitBytes) => {
    const path = await create()
    const content = randomBytes(limitBytes + 1)
    const answer = await sendChunked(path, headers, content)
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect((await stateOf(path))['upload-offset']).toBe(String(limitBytes))
  })

  test('a chunked body up to the limit is taken', async () => {
    const path = await create()
    expect(await sendChunked(path, {}, Buffer.alloc(MAX_BYTES))).toMatch(/^HTTP\/1\.1 204 /)
    await patch(path, MAX_BYTES, Buffer.alloc(1)).expect(413)
    await patch(path, MAX_BYTES, Buffer.alloc(0), { 'Upload-Length': String(MAX_BYTES) }).expect(204)
  })

  async function sendChunked(path: string, headers: Record<string, string>, body: Buffer): Promise<string> {
    const socket = connect(app.port, '127.0.0.1')
    let received = ''
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    const all = {
      Host: 'localhost',
      Connection: 'close',
      'Tus-Resumable': '1.0.0',
      'Upload-Offset': '0',
      'Content-Type': 'application/offset+octet-stream',
      'Transfer-Encoding': 'chunked',
      ...headers,
    }
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`PATCH ${path} HTTP/1.1\r\n${head.join('')}\r\n${body.byteLength.toString(16)}\r\n`)
    socket.write(body)
    socket.write('\r\n0\r\n\r\n')
    await once(socket, 'close')
    return received
  }
})
