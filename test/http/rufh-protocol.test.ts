import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RufhBackend, openLocal, pathOfBegun } from '../support/rufh-backends.ts'
import { CLIENT_DIALECTS, RufhClient, pathOf } from '../support/rufh-client.ts'
import type { RunningApp } from '../support/start-app.ts'
import { type RawRequest, sendRequest } from '../support/tus-test-server.ts'

let backend: RufhBackend
let app: RunningApp

beforeAll(async () => {
  backend = await openLocal()
  app = backend.app
})

afterAll(() => backend.close())

async function download(path: string): Promise<string> {
  const { status, body } = await sendRequest({ port: app.port, method: 'GET', path, headers: {} }, '')
  return status === 200 ? body : `status ${status}`
}

/** A client of the newest draft. */
function newClient(): RufhClient {
  return new RufhClient({ port: app.port })
}

describe.each(CLIENT_DIALECTS)('interop $version (draft $drafts)', (dialect) => {
  let client: RufhClient
  beforeAll(() => {
    client = new RufhClient({ port: app.port, dialect })
  })

  test('R-14, R-19: a file sent in one request is complete, and is what was sent', async () => {
    const answer = await client.create(true, 'hello world')
    expect(answer.status).toBe(201)
    expect(dialect.isComplete(answer)).toBe(true)
    expect(answer.headers['upload-offset']).toBe('11')
    expect(await download(pathOf(answer))).toBe('hello world')
    expect(await client.state(pathOf(answer))).toEqual({ offset: '11', isComplete: true })
  })

  test('R-15, R-19: a first piece is answered 201 with Location, and the upload is not complete', async () => {
    const answer = await client.create(false, 'hello')
    expect(answer.status).toBe(201)
    expect(dialect.isComplete(answer)).toBe(false)
    expect(answer.headers).toMatchObject({ 'upload-offset': '5', 'upload-limit': expect.any(String) })
    expect(await client.state(pathOf(answer))).toEqual({ offset: '5', isComplete: false })
    expect(await download(pathOf(answer))).toBe('status 404')
  })

  test('a creation without a body gives the URL; all of the file goes there', async () => {
    const path = await client.begin()
    const answer = await client.append(path, { at: 0, isLast: true, body: 'hello' })
    expect(answer.status).toBe(201)
    expect(await download(path)).toBe('hello')
  })

  test('a file of no bytes is complete when it is created', async () => {
    const answer = await client.create(true)
    expect(answer.status).toBe(201)
    expect(dialect.isComplete(answer)).toBe(true)
    expect(await download(pathOf(answer))).toBe('')
  })

  test('R-25, R-26, R-30: appends say whether the upload is complete now', async () => {
    const path = await client.begin('one ')
    const second = await client.append(path, { at: 4, isLast: false, body: 'two ' })
    expect(second.status).toBe(dialect.appendStatus)
    expect(dialect.isComplete(second)).toBe(false)
    expect(second.headers).toMatchObject({ 'upload-offset': '8' })
    const third = await client.append(path, { at: 8, isLast: true, body: 'three' })
    expect(third.status).toBe(201)
    expect(dialect.isComplete(third)).toBe(true)
    expect(third.headers).toMatchObject({ 'upload-offset': '13' })
    expect(await download(path)).toBe('one two three')
  })

  test('R-05: an empty request completes what is all there', async () => {
    const path = await client.begin('hello')
    const answer = await client.append(path, { at: 5, isLast: true })
    expect(answer.status).toBe(201)
    expect(dialect.isComplete(answer)).toBe(true)
    expect(await download(path)).toBe('hello')
  })

  test('R-21: HEAD is 204 and says the offset, the length, the limits, and whether it is complete', async () => {
    const path = await client.begin('hello', { 'Upload-Length': '11' })
    const answer = await client.head(path)
    expect(answer.status).toBe(204)
    expect(dialect.isComplete(answer)).toBe(false)
    expect(answer.headers).toMatchObject({
      'upload-offset': '5',
      'upload-length': '11',
      'upload-limit': expect.stringMatching(new RegExp(`^${dialect.ageKey}=\\d+$`)),
      'cache-control': 'no-store',
    })
  })

  test('R-21: HEAD names no length that nobody knows', async () => {
    const answer = await client.head(await client.begin('hello'))
    expect(answer.headers['upload-length']).toBeUndefined()
  })

  test('R-24: another offset is 409 with the right one, and changes nothing', async () => {
    const path = await client.begin('hello')
    const answer = await client.append(path, { at: 3, isLast: true, body: 'lo' })
    expect(answer.status).toBe(409)
    expect(dialect.isComplete(answer)).toBe(false)
    expect(answer.headers).toMatchObject({
      'upload-offset': '5',
      'content-type': 'application/problem+json',
    })
    expect(JSON.parse(answer.body)).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset',
      title: expect.any(String),
      status: 409,
      'expected-offset': 5,
      'provided-offset': 3,
    })
    expect(await client.state(path)).toEqual({ offset: '5', isComplete: false })
  })

  test('R-27: who never got the last answer gets it again', async () => {
    const path = await client.begin()
    const first = await client.append(path, { at: 0, isLast: true, body: 'hello' })
    const again = await client.append(path, { at: 5, isLast: true })
    expect(again.status).toBe(first.status)
    for (const name of ['location', 'upload-offset', 'upload-complete', 'upload-incomplete', 'upload-limit'])
      expect(again.headers[name]).toBe(first.headers[name])
    expect(dialect.isComplete(again)).toBe(true)
  })

  test('R-06: nothing is appended to what is complete, and it stays', async () => {
    const path = pathOf(await client.create(true, 'hello'))
    const more = await client.append(path, { at: 5, isLast: true, body: '!' })
    expect(more.status).toBe(400)
    expect(JSON.parse(more.body)).toMatchObject({
      type: expect.stringContaining('#inconsistent-upload-length'),
    })
    const older = await client.append(path, { at: 0, isLast: true, body: 'HELLO' })
    expect(older.status).toBe(409)
    expect(dialect.isComplete(older)).toBe(false)
    expect(await download(path)).toBe('hello')
  })

  test('R-31: DELETE is 204, and then there is nothing', async () => {
    const path = await client.begin('hello')
    expect((await client.send('DELETE', path)).status).toBe(204)
    expect((await client.head(path)).status).toBe(404)
    expect((await client.append(path, { at: 5, isLast: true })).status).toBe(404)
  })

  test('GET with the interop version is offset retrieval too', async () => {
    const path = await client.begin('hello')
    const answer = await client.send('GET', path)
    expect(answer.status).toBe(204)
    expect(answer.headers).toMatchObject({ 'upload-offset': '5', 'cache-control': 'no-store' })
  })

  test('R-22: nothing is redirected', async () => {
    for (const method of ['HEAD', 'DELETE'])
      expect((await client.send(method, `/files/local/${'a'.repeat(32)}`)).status).toBe(404)
  })

  test('a creation that does not say whether it is all is 400, and creates nothing', async () => {
    const answer = await client.send('POST', '/files', {}, 'hello')
    expect(answer.status).toBe(400)
    expect(answer.headers.location).toBeUndefined()
  })
})

describe('what the drafts do not share', () => {
  const [draft01, draft02, draft03, draft04, draft06] = CLIENT_DIALECTS

  async function appendWithout(
    dialect: typeof draft01,
    field: string,
  ): Promise<{ status: number; state: unknown }> {
    const client = new RufhClient({ port: app.port, ...(dialect && { dialect }) })
    const path = await client.begin('one ')
    const headers: Record<string, string> = { ...client.appendHeaders(4, true) }
    delete headers[field]
    const { status } = await client.send('PATCH', path, headers, 'two')
    return { status, state: await client.state(path) }
  }

  test('in draft -01 an append without Upload-Incomplete is the last one', async () => {
    expect(await appendWithout(draft01, 'Upload-Incomplete')).toEqual({
      status: 201,
      state: { offset: '7', isComplete: true },
    })
  })

  test.each([draft02, draft03, draft04])(
    'in drafts -02 to -05 one without Upload-Complete is not: interop $version',
    async (dialect) => {
      expect(await appendWithout(dialect, 'Upload-Complete')).toEqual({
        status: 201,
        state: { offset: '7', isComplete: false },
      })
    },
  )

  test('since draft -06 it must be there: 400, and nothing is stored', async () => {
    expect(await appendWithout(draft06, 'Upload-Complete')).toEqual({
      status: 400,
      state: { offset: '4', isComplete: false },
    })
  })

  test.each(CLIENT_DIALECTS.filter(({ version }) => version !== 5 && version !== 6))(
    'R-05: reaching the length does not complete, saying so does: interop $version',
    async (dialect) => {
      const client = new RufhClient({ port: app.port, dialect })
      const path = await client.begin('hello ', { 'Upload-Length': '11' })
      const full = await client.append(path, { at: 6, isLast: false, body: 'world' })
      expect(dialect.isComplete(full)).toBe(false)
      expect(await client.state(path)).toEqual({ offset: '11', isComplete: false })
      expect(await download(path)).toBe('status 404')
      const last = await client.append(path, { at: 11, isLast: true })
      expect(dialect.isComplete(last)).toBe(true)
      expect(await download(path)).toBe('hello world')
    },
  )

  test.each([draft03, draft04])(
    'tus-js-client takes reaching the length for the end, so it is, and the answer says so: interop $version',
    async (dialect) => {
      const client = new RufhClient({ port: app.port, ...(dialect && { dialect }) })
      const path = await client.begin('hello ', { 'Upload-Length': '11' })
      const full = await client.append(path, { at: 6, isLast: false, body: 'world' })
      expect(full).toMatchObject({ status: 201, headers: { 'upload-complete': '?1', 'upload-offset': '11' } })
      expect(await download(path)).toBe('hello world')
      // Who says it all the same gets the answer again.
      const last = await client.append(path, { at: 11, isLast: true })
      expect(last).toMatchObject({ status: 201, headers: { 'upload-complete': '?1' } })
      const empty = await client.create(false, '', { 'Upload-Length': '0' })
      expect(empty.headers['upload-complete']).toBe('?1')
      expect(await download(pathOf(empty))).toBe('')
    },
  )

  test.each(CLIENT_DIALECTS)(
    'a value that is no Boolean never completes: interop $version',
    async (dialect) => {
      const client = new RufhClient({ port: app.port, dialect })
      const path = await client.begin('one ')
      for (const value of ['?2', '1', 'true', '"?1"', '']) {
        const [field = ''] = Object.keys(dialect.completes(true))
        const headers = { ...client.appendHeaders(4, true), [field]: value }
        expect((await client.send('PATCH', path, headers, 'two')).status).toBe(400)
      }
      expect(await client.state(path)).toEqual({ offset: '4', isComplete: false })
    },
  )

  test.each(CLIENT_DIALECTS.filter(({ version }) => version < 6))(
    'an append may be of any type up to draft -03: interop $version',
    async (dialect) => {
      const client = new RufhClient({ port: app.port, dialect })
      const headers = { 'Content-Type': 'text/plain' }
      const append = { at: 0, isLast: true, body: 'hello', headers }
      expect((await client.append(await client.begin(), append)).status).toBe(201)
    },
  )

  test.each(CLIENT_DIALECTS.filter(({ version }) => version >= 6))(
    'it must be application/partial-upload since draft -04: interop $version',
    async (dialect) => {
      const client = new RufhClient({ port: app.port, dialect })
      const path = await client.begin()
      const headers = { 'Content-Type': 'text/plain' }
      const answer = await client.append(path, { at: 0, isLast: true, body: 'hello', headers })
      expect(answer.status).toBe(415)
      expect(answer.headers['accept-patch']).toBe('application/partial-upload')
      expect(dialect.isComplete(answer)).toBe(false)
      expect(await client.state(path)).toEqual({ offset: '0', isComplete: false })
    },
  )

  test.each(CLIENT_DIALECTS)(
    'HEAD and DELETE with fields of the state are refused up to draft -05: interop $version',
    async (dialect) => {
      const client = new RufhClient({ port: app.port, dialect })
      const path = await client.begin('hello')
      for (const [method, headers] of [
        ['HEAD', { 'Upload-Offset': '5' }],
        ['HEAD', dialect.completes(true)],
        ['DELETE', { 'Upload-Offset': '5' }],
      ] as const) {
        const { status } = await client.send(method, path, headers)
        expect(status).toBe(dialect.version < 7 ? 400 : 204)
      }
    },
  )

  test('draft -01 does not know Upload-Complete, and later ones not Upload-Incomplete', async () => {
    const old = new RufhClient({ port: app.port, ...(draft01 && { dialect: draft01 }) })
    expect((await old.send('POST', '/files', { 'Upload-Complete': '?1' }, 'hello')).status).toBe(400)
    expect((await newClient().send('POST', '/files', { 'Upload-Incomplete': '?0' }, 'hello')).status).toBe(
      400,
    )
  })
})

describe('R-33: a request takes over from one that hangs', () => {
  /** An append that hangs after 40 of its 100 bytes, and the path of its upload. */
  async function hang(client: RufhClient): Promise<{ path: string; hanging: RawRequest }> {
    const path = await client.begin()
    const headers = { ...client.appendHeaders(0, true), 'Content-Length': '100' }
    const hanging = await client.raw('PATCH', path, headers)
    hanging.write('a'.repeat(40))
    await delay(100)
    return { path, hanging }
  }

  test('R-32: HEAD, with an offset that can be used', async () => {
    const client = newClient()
    const { path, hanging } = await hang(client)
    expect(await client.state(path)).toEqual({ offset: '40', isComplete: false })
    expect((await client.append(path, { at: 40, isLast: true, body: 'b'.repeat(60) })).status).toBe(201)
    expect(await hanging.status()).toBe(423)
  })

  test('PATCH', async () => {
    const client = newClient()
    const { path, hanging } = await hang(client)
    const stale = await client.append(path, { at: 0, isLast: true, body: 'b' })
    expect(stale).toMatchObject({ status: 409, headers: { 'upload-offset': '40' } })
    expect(await hanging.status()).toBe(423)
  })

  test('DELETE', async () => {
    const client = newClient()
    const { path, hanging } = await hang(client)
    expect((await client.send('DELETE', path)).status).toBe(204)
    expect((await client.head(path)).status).toBe(404)
    expect(await hanging.status()).toBe(423)
  })

  test('R-20: a creation that is cut keeps what arrived, and is not complete', async () => {
    const client = newClient()
    const path = await pathOfBegun(backend, async () => {
      const cut = await client.raw('POST', '/files', { 'Upload-Complete': '?1', 'Content-Length': '100' })
      cut.write('a'.repeat(40))
      await delay(100)
      cut.socket.resetAndDestroy()
    })
    expect(await client.state(path)).toEqual({ offset: '40', isComplete: false })
    // the length is the one that the cut request had.
    expect((await client.head(path)).headers['upload-length']).toBe('100')
    expect((await client.append(path, { at: 40, isLast: true, body: 'b'.repeat(60) })).status).toBe(201)
    expect(await download(path)).toBe('a'.repeat(40) + 'b'.repeat(60))
  })

  test.each(['a chunked body', 'a chunked body of a known length'])(
    'R-23: %s that is cut does not complete, whatever the request said',
    async (kind) => {
      const client = newClient()
      const path = await client.begin()
      const cut = await client.raw('PATCH', path, {
        ...client.appendHeaders(0, true),
        'Transfer-Encoding': 'chunked',
        ...(kind.endsWith('length') && { 'Upload-Length': '100' }),
      })
      cut.writeChunk('a'.repeat(40))
      await delay(100)
      cut.socket.resetAndDestroy()
      expect(await client.state(path)).toEqual({ offset: '40', isComplete: false })
      expect((await client.append(path, { at: 40, isLast: true, body: 'b'.repeat(60) })).status).toBe(201)
    },
  )
})
