import { afterEach, describe, expect, test } from 'vitest'
import { TuskerError } from '../../src/core/errors.ts'
import {
  OCTET_STREAM,
  type TusTestOptions,
  type TusTestServer,
  startTusServer,
} from '../support/tus-test-server.ts'

const BAD_NUMBERS = [
  '-1',
  '1.5',
  '0x1',
  '1e3',
  '+1',
  '',
  ' ',
  '9007199254740993',
  '99999999999999999999',
  '1, 1',
]
const NOBODY = '/files/00000000000000000000000000000000'

let server: TusTestServer

async function start(options?: TusTestOptions): Promise<void> {
  server = await startTusServer(options)
}

afterEach(() => server.close())

function codeOf({ body }: { readonly body: string }): string {
  return (JSON.parse(body) as { error: { code: string } }).error.code
}

describe('every request', () => {
  test('C-05, C-06: each answer says Tus-Resumable: 1.0.0, refusals too', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const answers = [
      await server.head(path),
      await server.patch(path, 3, 'x'),
      await server.patch(NOBODY, 0, 'x'),
      await server.send('PUT', path),
      await server.send('POST', '/files'),
      await server.send('DELETE', path, { 'Tus-Resumable': '0.2.2' }),
      await server.send('POST', '/files', { 'X-HTTP-Method-Override': 'NONSENSE' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 409, 404, 405, 400, 412, 400])
    expect(new Set(answers.map(({ headers }) => headers['tus-resumable']))).toEqual(new Set(['1.0.0']))
  })

  test.each(['POST', 'PATCH', 'DELETE', 'HEAD'])(
    'C-07: %s of another version is 412 with Tus-Version, and does nothing',
    async (method) => {
      await start()
      const path = await server.create({ 'Upload-Length': '5' })
      const headers = {
        'Tus-Resumable': '0.2.2',
        'Upload-Offset': '0',
        'Content-Type': OCTET_STREAM,
        'Upload-Length': '5',
      }
      const answer = await server.send(
        method,
        method === 'POST' ? '/files' : path,
        headers,
        method === 'HEAD' ? '' : 'hello',
      )
      expect(answer.status).toBe(412)
      expect(answer.headers['tus-version']).toBe('1.0.0')
      expect((await server.head(path)).headers['upload-offset']).toBe('0')
    },
  )

  test.each(['POST', 'PATCH', 'DELETE'])('C-07: %s without Tus-Resumable is 412', async (method) => {
    await start()
    const request = await server.raw(method, method === 'POST' ? '/files' : NOBODY, {
      'Tus-Resumable': '',
      'Content-Length': '0',
    })
    expect(await request.status()).toBe(412)
    expect(request.received).toContain('Tus-Version: 1.0.0')
  })

  test('C-10: X-HTTP-Method-Override is the method', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const override = { 'X-HTTP-Method-Override': 'PATCH', 'Upload-Offset': '0', 'Content-Type': OCTET_STREAM }
    expect(await server.send('POST', path, override, 'hello')).toMatchObject({ status: 204 })
    expect(await server.send('GET', path, { 'X-HTTP-Method-Override': 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'upload-offset': '5' },
    })
    expect(await server.send('POST', path, { 'X-HTTP-Method-Override': 'DELETE' })).toMatchObject({
      status: 204,
    })
    expect(await server.head(path)).toMatchObject({ status: 404 })
  })

  test.each(['NONSENSE', '', 'PATCH, DELETE'])('C-10: an override to "%s" is refused', async (name) => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const answer = await server.send('POST', path, { 'X-HTTP-Method-Override': name })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'ERR_INVALID_METHOD_OVERRIDE'])
  })

  test('405 comes with Allow', async () => {
    await start()
    const onCollection = await server.send('PATCH', '/files')
    const onUpload = await server.send('POST', await server.create({ 'Upload-Length': '5' }))
    expect([onCollection.status, onUpload.status]).toEqual([405, 405])
    expect(onCollection.headers.allow).toBe('POST, OPTIONS')
    expect(onUpload.headers.allow?.split(', ')).toEqual(
      expect.arrayContaining(['HEAD', 'PATCH', 'DELETE', 'OPTIONS']),
    )
  })
})

describe('OPTIONS', () => {
  test('C-04, C-08, C-09, C-29: says what the server can do', async () => {
    await start({ maxSizeBytes: 1000, expirationMs: 60_000 })
    const { status, headers } = await server.send('OPTIONS', '/files')
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'tus-version': '1.0.0',
      'tus-extension':
        'creation,creation-with-upload,creation-defer-length,termination,expiration,checksum,concatenation,concatenation-unfinished,checksum-trailer',
      'tus-max-size': '1000',
      'content-length': '0',
    })
  })

  test('C-08, C-09: names neither expiration nor a limit where there is none', async () => {
    await start()
    const { headers } = await server.send('OPTIONS', '/files')
    expect(headers['tus-extension']).toBe(
      'creation,creation-with-upload,creation-defer-length,termination,checksum,concatenation,concatenation-unfinished,checksum-trailer',
    )
    expect(headers).not.toHaveProperty('tus-max-size')
  })

  test('C-08: leaves out Tus-Extension if the store offers none', async () => {
    await start({
      wrapStore: (store) => Object.assign(Object.create(store) as typeof store, { extensions: [] }),
    })
    expect((await server.send('OPTIONS', '/files')).headers).not.toHaveProperty('tus-extension')
  })

  test('C-30: takes no notice of Tus-Resumable', async () => {
    await start()
    expect((await server.send('OPTIONS', '/files', { 'Tus-Resumable': '9.9.9' })).status).toBe(200)
  })
})

describe('POST', () => {
  test('CR-13: creates an upload and says where', async () => {
    await start()
    const { status, headers } = await server.send('POST', '/files', { 'Upload-Length': '5' })
    expect(status).toBe(201)
    expect(headers.location).toMatch(/^\/files\/[0-9a-f]{32}$/)
    expect(headers).not.toHaveProperty('upload-offset')
    expect(headers).not.toHaveProperty('upload-expires')
  })

  test.each(BAD_NUMBERS)('C-03: Upload-Length "%s" is refused', async (length) => {
    await start()
    const answer = await server.send('POST', '/files', { 'Upload-Length': length })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'ERR_INVALID_LENGTH'])
  })

  test('CR-03, CR-06: wants exactly one of Upload-Length and Upload-Defer-Length: 1', async () => {
    await start()
    const answers = [
      await server.send('POST', '/files'),
      await server.send('POST', '/files', { 'Upload-Length': '5', 'Upload-Defer-Length': '1' }),
      await server.send('POST', '/files', { 'Upload-Defer-Length': '2' }),
      await server.send('POST', '/files', { 'Upload-Defer-Length': '' }),
    ]
    expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual(
      answers.map(() => [400, 'ERR_INVALID_LENGTH']),
    )
  })

  test('CR-12: a length over the limit is 413, and nothing is created', async () => {
    await start({ maxSizeBytes: 4 })
    const answer = await server.send('POST', '/files', { 'Upload-Length': '5' })
    expect([answer.status, codeOf(answer)]).toEqual([413, 'ERR_MAX_SIZE_EXCEEDED'])
    expect(await storedUploads()).toBe(0)
  })

  test('CR-10: an upload of no bytes is complete at once', async () => {
    await start({ expirationMs: 1000 })
    const { status, headers } = await server.send('POST', '/files', { 'Upload-Length': '0' })
    expect(status).toBe(201)
    expect(headers).not.toHaveProperty('upload-expires')
    expect((await server.head(String(headers.location))).headers).toMatchObject({
      'upload-offset': '0',
      'upload-length': '0',
    })
  })

  test('CR-04: an Upload-Metadata that is not valid is refused, and nothing is created', async () => {
    await start()
    const answer = await server.send('POST', '/files', {
      'Upload-Length': '5',
      'Upload-Metadata': 'a YQ==,a YQ==',
    })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'ERR_INVALID_METADATA'])
    expect(await storedUploads()).toBe(0)
  })

  test('CR-04: an empty Upload-Metadata is none', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5', 'Upload-Metadata': '' })
    expect((await server.head(path)).headers).not.toHaveProperty('upload-metadata')
  })

  test.each([
    ['ro', 'ERR_LOCATION_READ_ONLY'],
    ['drain', 'ERR_LOCATION_DRAINING'],
  ] as const)('a location in mode %s takes no new upload', async (mode, code) => {
    await start({ mode })
    const answer = await server.send('POST', '/files', { 'Upload-Length': '5' })
    expect([answer.status, codeOf(answer)]).toEqual([403, code])
  })

  test('EX-03, EX-06: says when the upload expires', async () => {
    await start({ expirationMs: 3_600_000 })
    const { headers } = await server.send('POST', '/files', { 'Upload-Length': '5' })
    expect(headers['upload-expires']).toBe('Thu, 01 Jan 2026 01:00:00 GMT')
  })
})

describe('POST with a body (creation-with-upload)', () => {
  test('CW-03: takes the bytes and says the offset', async () => {
    await start()
    const headers = { 'Upload-Length': '10', 'Content-Type': OCTET_STREAM }
    const answer = await server.send('POST', '/files', headers, 'hello')
    expect(answer).toMatchObject({ status: 201, headers: { 'upload-offset': '5' } })
    expect((await server.head(String(answer.headers.location))).headers['upload-offset']).toBe('5')
  })

  test('CW-03: takes the whole file, and then it does not expire', async () => {
    await start({ expirationMs: 1000 })
    const answer = await server.send(
      'POST',
      '/files',
      { 'Upload-Length': '5', 'Content-Type': OCTET_STREAM },
      'hello',
    )
    expect(answer).toMatchObject({ status: 201, headers: { 'upload-offset': '5' } })
    expect(answer.headers).not.toHaveProperty('upload-expires')
  })

  test('CW-02: a body of another type is ignored', async () => {
    await start()
    const answer = await server.send(
      'POST',
      '/files',
      { 'Upload-Length': '5', 'Content-Type': 'text/plain' },
      'hello',
    )
    expect(answer.status).toBe(201)
    expect(answer.headers).not.toHaveProperty('upload-offset')
    expect((await server.head(String(answer.headers.location))).headers['upload-offset']).toBe('0')
  })

  test('C-24: a Content-Length over the length is 413 before anything is created', async () => {
    await start()
    const answer = await server.send(
      'POST',
      '/files',
      { 'Upload-Length': '4', 'Content-Type': OCTET_STREAM },
      'hello',
    )
    expect([answer.status, codeOf(answer)]).toEqual([413, 'ERR_UPLOAD_SIZE_EXCEEDED'])
    expect(await storedUploads()).toBe(0)
  })

  test('C-24: a chunked body over the length is 413 with Location, and what fits is stored', async () => {
    await start()
    const headers = { 'Upload-Length': '4', 'Content-Type': OCTET_STREAM, 'Transfer-Encoding': 'chunked' }
    const answer = await server.send('POST', '/files', headers, 'hello')
    expect(answer.status).toBe(413)
    expect((await server.head(String(answer.headers.location))).headers).toMatchObject({
      'upload-offset': '4',
    })
  })
})

describe('HEAD', () => {
  test('C-11, C-12, C-14, C-15, CR-11: offset, length and the metadata byte for byte, never cached', async () => {
    await start()
    const metadata = 'filename dGVzdC50eHQ=,empty,constructor Yg==,__proto__ Yw==,binary //4A'
    const path = await server.create({ 'Upload-Length': '5', 'Upload-Metadata': metadata })
    const { status, headers } = await server.head(path)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'upload-offset': '0',
      'upload-length': '5',
      'upload-metadata': metadata,
      'cache-control': 'no-store',
    })
    expect(headers).not.toHaveProperty('upload-defer-length')
  })

  test('CR-02, CR-08: a deferred length is said to be', async () => {
    await start()
    const { headers } = await server.head(await server.create({ 'Upload-Defer-Length': '1' }))
    expect(headers).toMatchObject({ 'upload-defer-length': '1', 'upload-offset': '0' })
    expect(headers).not.toHaveProperty('upload-length')
  })

  test('C-13: an unknown upload is 404 with no offset, no body and no caching', async () => {
    await start()
    const { status, headers, body } = await server.head(NOBODY)
    expect([status, body, headers['cache-control']]).toEqual([404, '', 'no-store'])
    expect(headers).not.toHaveProperty('upload-offset')
  })

  test('is served without Tus-Resumable', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: 'HEAD' })
    expect(response.status).toBe(200)
  })

  test('EX-02, EX-05, EX-07: says when an unfinished upload expires, then 410; a finished one stays', async () => {
    await start({ expirationMs: 1000 })
    const open = await server.create({ 'Upload-Length': '5' })
    const finished = await server.create({ 'Upload-Length': '5' })
    await server.patch(finished, 0, 'hello')
    expect((await server.head(open)).headers['upload-expires']).toBe('Thu, 01 Jan 2026 00:00:01 GMT')
    server.advance(1001)
    expect(await server.head(open)).toMatchObject({ status: 410 })
    expect(await server.patch(open, 0, 'hello')).toMatchObject({ status: 410 })
    const { status, headers } = await server.head(finished)
    expect(status).toBe(200)
    expect(headers).not.toHaveProperty('upload-expires')
  })

  test.each(['ERR_STORAGE_UNAVAILABLE', 'ERR_STORAGE_REJECTED', undefined] as const)(
    'K-01: trouble in the storage (%s) is 423 with Retry-After, never a reason to start again',
    async (code) => {
      const fault = code === undefined ? new Error('boom') : new TuskerError(code)
      await start({
        wrapStore: (store) =>
          Object.assign(Object.create(store) as typeof store, { open: () => Promise.reject(fault) }),
      })
      const { status, headers } = await server.head(NOBODY)
      expect([status, headers['retry-after']]).toEqual([423, '1'])
      expect(server.errors.at(-1)).toMatchObject({ code: 'ERR_UPLOAD_LOCKED' })
      const { cause } = server.errors.at(-1) as Error
      expect(code === undefined ? (cause as Error).cause : cause).toBe(fault)
    },
  )
})

describe('PATCH', () => {
  test('C-16, C-19, C-20: appends, and says the new offset', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '10' })
    expect(await server.patch(path, 0, 'hello')).toMatchObject({
      status: 204,
      headers: { 'upload-offset': '5' },
    })
    expect(await server.patch(path, 5, 'world')).toMatchObject({
      status: 204,
      headers: { 'upload-offset': '10' },
    })
  })

  test.each([
    [undefined, 415],
    ['application/octet-stream', 415],
    ['application/offset+octet-stream-x', 415],
    ['Application/Offset+Octet-Stream; charset=utf-8', 204],
  ])('C-17: Content-Type %s is %i', async (type, status) => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const headers = { 'Upload-Offset': '0', ...(type !== undefined && { 'Content-Type': type }) }
    expect(await server.send('PATCH', path, headers, 'hello')).toMatchObject({ status })
  })

  test.each(BAD_NUMBERS)('C-02: Upload-Offset "%s" is refused', async (offset) => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const answer = await server.patch(path, 0, 'hello', { 'Upload-Offset': offset })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'ERR_INVALID_OFFSET'])
  })

  test('C-18: a missing offset is 400, a wrong one 409, and neither changes anything', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '10' })
    await server.patch(path, 0, 'hello')
    expect(await server.send('PATCH', path, { 'Content-Type': OCTET_STREAM }, 'x')).toMatchObject({
      status: 400,
    })
    expect(await server.patch(path, 4, 'x')).toMatchObject({ status: 409 })
    expect(await server.patch(path, 6, 'x')).toMatchObject({ status: 409 })
    expect((await server.head(path)).headers['upload-offset']).toBe('5')
  })

  test('C-21: an unknown upload is 404', async () => {
    await start()
    expect(await server.patch(NOBODY, 0, 'x')).toMatchObject({ status: 404 })
  })

  test('C-24: a Content-Length over the rest is 413 before a byte is written', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '4' })
    const answer = await server.patch(path, 0, 'hello')
    expect([answer.status, codeOf(answer)]).toEqual([413, 'ERR_UPLOAD_SIZE_EXCEEDED'])
    expect((await server.head(path)).headers['upload-offset']).toBe('0')
  })

  test('C-24, C-28: of a chunked body over the rest exactly the rest is stored, then 413', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '4' })
    expect(await server.patch(path, 0, 'hello', { 'Transfer-Encoding': 'chunked' })).toMatchObject({
      status: 413,
    })
    expect((await server.head(path)).headers['upload-offset']).toBe('4')
  })

  test('C-25: an empty PATCH changes nothing, also at the end', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    expect(await server.patch(path, 0, '')).toMatchObject({ status: 204, headers: { 'upload-offset': '0' } })
    await server.patch(path, 0, 'hello')
    expect(await server.patch(path, 5, '')).toMatchObject({ status: 204, headers: { 'upload-offset': '5' } })
    expect(await server.patch(path, 5, 'x')).toMatchObject({ status: 413 })
  })

  test('CR-09: declares a deferred length, with the last bytes or after them', async () => {
    await start()
    const withBytes = await server.create({ 'Upload-Defer-Length': '1' })
    expect(await server.patch(withBytes, 0, 'hello', { 'Upload-Length': '5' })).toMatchObject({ status: 204 })
    const after = await server.create({ 'Upload-Defer-Length': '1' })
    await server.patch(after, 0, 'hello')
    expect(await server.patch(after, 5, '', { 'Upload-Length': '5' })).toMatchObject({ status: 204 })
    for (const path of [withBytes, after]) {
      expect((await server.head(path)).headers).toMatchObject({ 'upload-length': '5', 'upload-offset': '5' })
    }
  })

  test('CR-07, CR-09: a declared length is final; less than the offset or over the limit is refused', async () => {
    await start({ maxSizeBytes: 10 })
    const path = await server.create({ 'Upload-Defer-Length': '1' })
    await server.patch(path, 0, 'hello')
    expect(await server.patch(path, 5, '', { 'Upload-Length': '4' })).toMatchObject({ status: 400 })
    expect(await server.patch(path, 5, '', { 'Upload-Length': '11' })).toMatchObject({ status: 413 })
    expect(await server.patch(path, 5, '', { 'Upload-Length': 'x' })).toMatchObject({ status: 400 })
    expect(await server.patch(path, 5, '', { 'Upload-Length': '9' })).toMatchObject({ status: 204 })
    expect(await server.patch(path, 5, '', { 'Upload-Length': '8' })).toMatchObject({ status: 400 })
    expect((await server.head(path)).headers).toMatchObject({ 'upload-length': '9', 'upload-offset': '5' })
  })

  test('CR-07: the same length again is fine: a client that resumes a deferred upload repeats it', async () => {
    await start()
    const path = await server.create({ 'Upload-Defer-Length': '1' })
    await server.patch(path, 0, 'hel', { 'Upload-Length': '5' })
    expect(await server.patch(path, 3, 'lo', { 'Upload-Length': '5' })).toMatchObject({ status: 204 })
  })

  test('CR-09: a PATCH refused for its size declares no length', async () => {
    await start()
    const path = await server.create({ 'Upload-Defer-Length': '1' })
    expect(await server.patch(path, 0, 'hello', { 'Upload-Length': '4' })).toMatchObject({ status: 413 })
    expect((await server.head(path)).headers).toMatchObject({
      'upload-defer-length': '1',
      'upload-offset': '0',
    })
  })

  test('CR-12: a deferred upload cannot grow over the limit, chunked or not', async () => {
    await start({ maxSizeBytes: 4 })
    const path = await server.create({ 'Upload-Defer-Length': '1' })
    const whole = await server.patch(path, 0, 'hello')
    expect([whole.status, codeOf(whole)]).toEqual([413, 'ERR_MAX_SIZE_EXCEEDED'])
    expect((await server.head(path)).headers['upload-offset']).toBe('0')
    const chunked = await server.patch(path, 0, 'hello', { 'Transfer-Encoding': 'chunked' })
    expect([chunked.status, codeOf(chunked)]).toEqual([413, 'ERR_MAX_SIZE_EXCEEDED'])
    expect((await server.head(path)).headers['upload-offset']).toBe('4')
  })

  test('EX-02, EX-07: says when the upload expires until it is complete', async () => {
    await start({ expirationMs: 1000 })
    const path = await server.create({ 'Upload-Length': '10' })
    expect((await server.patch(path, 1, 'hello')).headers['upload-expires']).toBe(
      'Thu, 01 Jan 2026 00:00:01 GMT',
    )
    expect((await server.patch(path, 0, 'hello')).headers['upload-expires']).toBe(
      'Thu, 01 Jan 2026 00:00:01 GMT',
    )
    expect((await server.patch(path, 5, 'world')).headers).not.toHaveProperty('upload-expires')
  })

  test('a location in mode drain lets open uploads be finished, one in mode ro does not', async () => {
    await start({ mode: 'ro' })
    expect(await server.patch(NOBODY, 0, 'x')).toMatchObject({ status: 403 })
    expect(await server.send('DELETE', NOBODY)).toMatchObject({ status: 403 })
    await server.close()
    await start({ mode: 'drain' })
    expect(await server.patch(NOBODY, 0, 'x')).toMatchObject({ status: 404 })
  })
})

describe('DELETE', () => {
  test.each(['', 'hello'])(
    'TE-02, TE-03: removes an upload with "%s" in it, and later requests are 404',
    async (body) => {
      await start()
      const path = await server.create({ 'Upload-Length': '5' })
      await server.patch(path, 0, body)
      expect(await server.send('DELETE', path)).toMatchObject({ status: 204 })
      expect(await server.head(path)).toMatchObject({ status: 404 })
      expect(await server.patch(path, 0, 'x')).toMatchObject({ status: 404 })
      expect(await server.send('DELETE', path)).toMatchObject({ status: 404 })
    },
  )
})

async function storedUploads(): Promise<number> {
  let count = 0
  for await (const _ of server.store.list()) count += 1
  return count
}
