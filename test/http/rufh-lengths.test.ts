import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RUFH_BACKENDS, type RufhBackend, pathOfBegun } from '../support/rufh-backends.ts'
import { RufhClient, pathOf } from '../support/rufh-client.ts'
import { sha256OfUrl } from '../support/sample-file.ts'
import { type Answer, sendRequest } from '../support/tus-test-server.ts'

const KIB = 1024
const MIB = 1024 ** 2
const MAX = 20 * MIB

const CHUNKED = { 'Transfer-Encoding': 'chunked' }

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function expectProblem(answer: Answer, status: number, type: string): void {
  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.headers['upload-complete']).toBe('?0')
  expect(JSON.parse(answer.body)).toMatchObject({ type: expect.stringContaining(`#${type}`), status })
}

describe.each(RUFH_BACKENDS)('lengths and limits over %s', (_name, open) => {
  let backend: RufhBackend
  let client: RufhClient

  beforeAll(async () => {
    backend = await open({ FILES_MAX_UPLOAD_SIZE: String(MAX) })
    client = new RufhClient({ port: backend.app.port })
  })

  afterAll(() => backend.close())

  async function download(path: string): Promise<string> {
    const request = { port: backend.app.port, method: 'GET', path, headers: {} }
    const { status, body } = await sendRequest(request, '')
    return status === 200 ? body : `status ${status}`
  }

  /** Whether nobody may go on with it. */
  async function isGone(path: string): Promise<boolean> {
    const statuses = [
      (await client.head(path)).status,
      (await client.append(path, { at: 10, isLast: true })).status,
      (await client.send('DELETE', path)).status,
      (await client.send('GET', path)).status,
    ]
    return statuses.every((status) => status === 404)
  }

  describe('R-04: lengths that contradict each other are 400, and nothing changes', () => {
    test('in a creation', async () => {
      const before = await backend.names()
      expectProblem(
        await client.create(true, 'hello', { 'Upload-Length': '6' }),
        400,
        'inconsistent-upload-length',
      )
      expect(await backend.names()).toEqual(before)
    })

    test('in an append', async () => {
      const path = await client.begin('hello')
      const headers = { 'Upload-Length': '11' }
      const answer = await client.append(path, { at: 5, isLast: true, body: 'world', headers })
      expectProblem(answer, 400, 'inconsistent-upload-length')
      expect(await client.state(path)).toEqual({ offset: '5', isComplete: false })
      expect((await client.append(path, { at: 5, isLast: true, body: 'world' })).status).toBe(201)
    })

    test.each([
      ['Upload-Length', { isLast: false, body: 'w', headers: { 'Upload-Length': '12' } }],
      ['the end of the body', { isLast: true, body: 'worl' }],
    ])('between requests: %s', async (_what, append) => {
      const path = await client.begin('hello', { 'Upload-Length': '10' })
      expectProblem(await client.append(path, { at: 5, ...append }), 400, 'inconsistent-upload-length')
      expect(await client.state(path)).toEqual({ offset: '5', isComplete: false })
      expect((await client.append(path, { at: 5, isLast: true, body: 'world' })).status).toBe(201)
    })

    test('a body past the Upload-Length of its own request', async () => {
      const path = await client.begin('hello')
      const headers = { 'Upload-Length': '9' }
      const answer = await client.append(path, { at: 5, isLast: false, body: 'world', headers })
      expectProblem(answer, 400, 'inconsistent-upload-length')
      expect(await client.state(path)).toEqual({ offset: '5', isComplete: false })
    })

    test('a length below what is stored', async () => {
      const path = await client.begin('hello')
      const headers = { 'Upload-Length': '4' }
      const answer = await client.append(path, { at: 5, isLast: false, body: '', headers })
      expectProblem(answer, 400, 'inconsistent-upload-length')
      expect((await client.append(path, { at: 5, isLast: true })).status).toBe(201)
    })

    test('a body without Content-Length that ends before the length is reached', async () => {
      const path = await client.begin('hello', { 'Upload-Length': '10' })
      const answer = await client.append(path, { at: 5, isLast: true, body: 'wor', headers: CHUNKED })
      expectProblem(answer, 400, 'inconsistent-upload-length')
      expect(await client.state(path)).toEqual({ offset: '8', isComplete: false })
      expect((await client.append(path, { at: 8, isLast: true, body: 'ld' })).status).toBe(201)
      expect(await download(path)).toBe('helloworld')
    })
  })

  test('R-04: the same length may be said again', async () => {
    const headers = { 'Upload-Length': '10' }
    const path = await client.begin('hello', headers)
    expect((await client.append(path, { at: 5, isLast: false, body: 'wor', headers })).status).toBe(204)
    expect((await client.append(path, { at: 8, isLast: true, body: 'ld', headers })).status).toBe(201)
    expect(await download(path)).toBe('helloworld')
  })

  test('R-16: the length of a creation is known from its body, and HEAD tells it', async () => {
    const path = pathOf(await client.create(true, 'hello'))
    expect((await client.head(path)).headers['upload-length']).toBe('5')
  })

  test('R-28: a length that comes with an append counts from then on', async () => {
    const path = await client.begin('hello')
    const headers = { 'Upload-Length': '10' }
    await client.append(path, { at: 5, isLast: false, body: 'w', headers })
    expect((await client.head(path)).headers['upload-length']).toBe('10')
    expectProblem(
      await client.append(path, { at: 6, isLast: true, body: 'or' }),
      400,
      'inconsistent-upload-length',
    )
  })

  describe('R-28: an upload that gets more bytes than its length is no more', () => {
    test.each([
      ['with Content-Length', false, {}],
      ['with Content-Length, by the request that was to be the last', true, {}],
      ['chunked', false, CHUNKED],
      ['chunked, by the request that was to be the last', true, CHUNKED],
    ])('%s', async (_how, isLast, headers) => {
      const path = await client.begin('hello', { 'Upload-Length': '10' })
      const answer = await client.append(path, { at: 5, isLast, body: 'world!', headers })
      expectProblem(answer, 400, 'inconsistent-upload-length')
      expect(await isGone(path)).toBe(true)
    })

    test('already in the creation: chunked', async () => {
      const before = await backend.names()
      const answer = await client.create(true, 'hello!', { 'Upload-Length': '5', ...CHUNKED })
      expectProblem(answer, 400, 'inconsistent-upload-length')
      expect(answer.headers.location).toBeUndefined()
      expect(await backend.names()).toEqual(before)
    })

    test('already in the creation: with Content-Length nothing is created', async () => {
      const before = await backend.names()
      const answer = await client.create(false, 'hello!', { 'Upload-Length': '5' })
      expectProblem(answer, 400, 'inconsistent-upload-length')
      expect(await backend.names()).toEqual(before)
    })
  })

  describe('R-10: past the limit is 413 with Upload-Limit', () => {
    const limit = expect.stringContaining(`max-size=${MAX}`) as unknown

    test('a length that is announced: nothing is created', async () => {
      const before = await backend.names()
      const answer = await client.create(false, '', { 'Upload-Length': String(MAX + 1) })
      expect(answer).toMatchObject({
        status: 413,
        headers: { 'upload-limit': limit, 'upload-complete': '?0' },
      })
      expect(await backend.names()).toEqual(before)
    })

    test.each([true, false])('a body (the last one: %s): nothing is created', async (isLast) => {
      const before = await backend.names()
      const request = await client.raw('POST', '/files', {
        'Upload-Complete': isLast ? '?1' : '?0',
        'Content-Length': String(MAX + 1),
      })
      expect(await request.status()).toBe(413)
      expect(request.received).toMatch(/^Upload-Limit: max-size=/im)
      request.socket.destroy()
      expect(await backend.names()).toEqual(before)
    })

    test('an append: nothing is stored, the upload stays', async () => {
      const path = await client.begin('hello')
      const body = { at: 5, isLast: false, headers: { 'Upload-Length': String(MAX + 1) } }
      expect(await client.append(path, body)).toMatchObject({
        status: 413,
        headers: { 'upload-limit': limit },
      })
      expect(await client.state(path)).toEqual({ offset: '5', isComplete: false })
    })

    test('a chunked body: to the byte, and it is not complete', async () => {
      const path = await client.begin()
      const body = Buffer.alloc(MAX + 1)
      const answer = await client.append(path, { at: 0, isLast: true, body, headers: CHUNKED })
      expect(answer).toMatchObject({
        status: 413,
        headers: { 'upload-limit': limit, 'upload-complete': '?0' },
      })
      expect(await client.state(path)).toEqual({ offset: String(MAX), isComplete: false })
    })
  })

  test.each([0, 1, 700 * KIB, 17 * MIB + 3])(
    'a chunked body of %i bytes is complete when it ends, in a creation and in an append',
    async (sizeBytes) => {
      const body = randomBytes(sizeBytes)
      const created = await client.create(true, body, CHUNKED)
      expect(created.headers['upload-complete']).toBe('?1')
      expect(await sha256OfUrl(backend.app.url + pathOf(created))).toBe(sha256(body))
      const path = await client.begin('')
      const appended = await client.append(path, { at: 0, isLast: true, body, headers: CHUNKED })
      expect(appended.headers['upload-complete']).toBe('?1')
      expect(await sha256OfUrl(backend.app.url + path)).toBe(sha256(body))
    },
  )

  test('a length that is final is reached without another word: the file is complete', async () => {
    const path = await pathOfBegun(backend, async () => {
      const cut = await client.raw('POST', '/files', { 'Upload-Complete': '?1', 'Content-Length': '10' })
      cut.write('hello')
      await delay(100)
      cut.socket.resetAndDestroy()
    })
    expect(await client.state(path)).toEqual({ offset: '5', isComplete: false })
    const answer = await client.append(path, { at: 5, isLast: false, body: 'world' })
    expect(answer).toMatchObject({ status: 201, headers: { 'upload-complete': '?1' } })
    expect(await download(path)).toBe('helloworld')
  })
})
