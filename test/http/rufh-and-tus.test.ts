import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RUFH_BACKENDS, type RufhBackend } from '../support/rufh-backends.ts'
import { CLIENT_DIALECTS, RufhClient, pathOf } from '../support/rufh-client.ts'
import { sha256OfUrl } from '../support/sample-file.ts'
import { type Answer, OCTET_STREAM, sendRequest } from '../support/tus-test-server.ts'

const MIB = 1024 ** 2

/** An upload begun in one protocol and gone on with in the other: one upload, whoever asks. */
describe.each(RUFH_BACKENDS)('both protocols on one upload in %s', (_name, open) => {
  let backend: RufhBackend
  let ietf: RufhClient

  beforeAll(async () => {
    backend = await open()
    ietf = new RufhClient({ port: backend.app.port })
  })

  afterAll(() => backend.close())

  async function tus(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body: string | Buffer = '',
  ): Promise<Answer> {
    const all = { 'Tus-Resumable': '1.0.0', ...headers }
    return await sendRequest({ port: backend.app.port, method, path, headers: all }, body)
  }

  async function tusPatch(
    path: string,
    offset: number,
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return await tus(
      'PATCH',
      path,
      { 'Content-Type': OCTET_STREAM, 'Upload-Offset': `${offset}`, ...headers },
      body,
    )
  }

  async function tusCreate(headers: Record<string, string>): Promise<string> {
    return pathOf(await tus('POST', '/files', headers))
  }

  async function download(path: string): Promise<string | number> {
    const response = await fetch(`${backend.app.url}${path}`)
    return response.status === 200 ? await response.text() : response.status
  }

  test.each(CLIENT_DIALECTS)('begun by tus, ended by interop $version', async (dialect) => {
    const other = new RufhClient({ port: backend.app.port, dialect })
    const path = await tusCreate({ 'Upload-Length': '11' })
    await tusPatch(path, 0, 'hello ')
    expect(await other.state(path)).toEqual({ offset: '6', isComplete: false })
    expect((await other.append(path, { at: 6, isLast: true, body: 'world' })).status).toBe(201)
    expect(await download(path)).toBe('hello world')
    const head = await tus('HEAD', path)
    expect(head.headers).toMatchObject({ 'upload-offset': '11', 'upload-length': '11' })
  })

  test.each(CLIENT_DIALECTS)('begun by interop $version, ended by tus', async (dialect) => {
    const other = new RufhClient({ port: backend.app.port, dialect })
    const path = await other.begin('hello ', { 'Upload-Length': '11', 'Content-Type': 'text/plain' })
    const head = await tus('HEAD', path)
    expect(head.headers).toMatchObject({
      'upload-offset': '6',
      'upload-length': '11',
      'upload-metadata': 'filetype dGV4dC9wbGFpbg==',
    })
    expect(head.headers['upload-defer-length']).toBeUndefined()
    expect((await tusPatch(path, 6, 'world')).status).toBe(204)
    expect(await other.state(path)).toEqual({ offset: '11', isComplete: true })
    expect(await download(path)).toBe('hello world')
  })

  test('begun by tus without a length, ended by IETF', async () => {
    const path = await tusCreate({ 'Upload-Defer-Length': '1' })
    await tusPatch(path, 0, 'hello ')
    expect((await ietf.head(path)).headers['upload-length']).toBeUndefined()
    expect((await ietf.append(path, { at: 6, isLast: true, body: 'world' })).status).toBe(201)
    expect(await download(path)).toBe('hello world')
  })

  test('begun by IETF without a length, ended by tus, which declares one', async () => {
    const path = await ietf.begin('hello ')
    expect((await tus('HEAD', path)).headers).toMatchObject({
      'upload-offset': '6',
      'upload-defer-length': '1',
    })
    expect((await tusPatch(path, 6, 'world', { 'Upload-Length': '11' })).status).toBe(204)
    expect(await ietf.state(path)).toEqual({ offset: '11', isComplete: true })
  })

  test('a length that an IETF client announced is the length to tus: another is 400, more is 413', async () => {
    const path = await ietf.begin('hello ', { 'Upload-Length': '11' })
    expect((await tusPatch(path, 6, 'w', { 'Upload-Length': '12' })).status).toBe(400)
    expect((await tusPatch(path, 6, 'world!')).status).toBe(413)
    expect(await ietf.state(path)).toEqual({ offset: '6', isComplete: false })
    expect((await tusPatch(path, 6, 'world', { 'Upload-Length': '11' })).status).toBe(204)
    expect(await download(path)).toBe('hello world')
  })

  test('what is all there is complete when tus is told so, and not before', async () => {
    const path = await ietf.begin('hello', { 'Upload-Length': '5' })
    expect(await ietf.state(path)).toEqual({ offset: '5', isComplete: false })
    expect(await download(path)).toBe(404)
    expect((await tus('HEAD', path)).headers).toMatchObject({ 'upload-offset': '5', 'upload-length': '5' })
    expect(await download(path)).toBe('hello')
    // The IETF client, which was about to say so, gets the answer that it is waiting for.
    const last = await ietf.append(path, { at: 5, isLast: true })
    expect(last).toMatchObject({ status: 201, headers: { 'upload-complete': '?1' } })
  })

  test('a file of several parts, cut in each protocol and resumed in the other', async () => {
    const data = randomBytes(21 * MIB + 17)
    const created = await ietf.create(false, data.subarray(0, 9 * MIB), { 'Upload-Length': `${data.length}` })
    const path = pathOf(created)
    const half = await cutPatch(
      path,
      { 'Tus-Resumable': '1.0.0', 'Content-Type': OCTET_STREAM },
      data,
      9 * MIB,
    )
    const most = await cutPatch(path, ietf.appendHeaders(half, true), data, half)
    expect(most).toBeGreaterThan(half)
    const rest = data.subarray(most)
    expect((await tusPatch(path, most, rest)).status).toBe(204)
    expect(await sha256OfUrl(backend.app.url + path)).toBe(createHash('sha256').update(data).digest('hex'))
  })

  /** Sends 3 MiB of what is left, is cut, and tells the offset afterwards. */
  async function cutPatch(
    path: string,
    headers: Readonly<Record<string, string>>,
    data: Buffer,
    at: number,
  ): Promise<number> {
    const client = new RufhClient({ port: backend.app.port, isUnversioned: true })
    const request = await client.raw('PATCH', path, {
      ...headers,
      'Upload-Offset': String(at),
      'Content-Length': String(data.length - at),
    })
    request.write(data.subarray(at, at + 3 * MIB))
    await delay(300)
    request.socket.resetAndDestroy()
    return Number((await ietf.state(path)).offset)
  }

  test('DELETE of either ends it for both', async () => {
    const one = await ietf.begin('hello')
    expect((await tus('DELETE', one)).status).toBe(204)
    expect((await ietf.head(one)).status).toBe(404)
    const two = await tusCreate({ 'Upload-Length': '5' })
    expect((await ietf.send('DELETE', two)).status).toBe(204)
    expect((await tus('HEAD', two)).status).toBe(404)
  })

  test('a request of either takes over from one of the other', async () => {
    const path = await ietf.begin('', { 'Upload-Length': '10' })
    const hanging = await ietf.raw('PATCH', path, { ...ietf.appendHeaders(0, true), 'Content-Length': '10' })
    hanging.write('hello')
    await delay(100)
    expect((await tus('HEAD', path)).headers['upload-offset']).toBe('5')
    expect((await tusPatch(path, 5, 'world')).status).toBe(204)
    expect(await download(path)).toBe('helloworld')
    hanging.socket.destroy()
  })
})
