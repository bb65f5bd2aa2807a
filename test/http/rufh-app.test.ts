import { setTimeout as delay } from 'node:timers/promises'
import supertest from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openLocal, openS3 } from '../support/rufh-backends.ts'
import { RufhClient, pathOf } from '../support/rufh-client.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { sendRequest } from '../support/tus-test-server.ts'

const ORIGIN = { Origin: 'https://app.example.com' }

describe('OPTIONS', () => {
  test('A-1, R-08: is 200 with what tus and the IETF protocol say together', async () => {
    const { app, close } = await openLocal({ FILES_MAX_UPLOAD_SIZE: '1gb' })
    for (const path of ['/files', '/files/', '/files/local']) {
      const answer = await supertest(app.url).options(path)
      expect(answer.status).toBe(200)
      expect(answer.headers).toMatchObject({
        'tus-version': '1.0.0',
        'tus-extension': expect.stringContaining('creation'),
        'tus-max-size': '1073741824',
        'upload-limit': 'max-size=1073741824, max-age=604800',
        'accept-patch': 'application/partial-upload, application/offset+octet-stream',
      })
    }
    await close()
  })

  test('R-08: without limits it says min-size=0', async () => {
    const { app, close } = await openLocal({ TUS_UPLOAD_EXPIRATION: 'never' })
    expect((await supertest(app.url).options('/files')).headers['upload-limit']).toBe('min-size=0')
    const client = new RufhClient({ port: app.port })
    expect((await client.head(await client.begin('hello'))).headers['upload-limit']).toBe('min-size=0')
    await close()
  })

  test('R-09: nothing that OPTIONS promises is less afterwards', async () => {
    const { app, close } = await openLocal({ FILES_MAX_UPLOAD_SIZE: '1gb' })
    const created = await new RufhClient({ port: app.port }).create(false, 'hello')
    expect(created.headers['upload-limit']).toMatch(/^max-size=1073741824, max-age=6047\d\d|604800$/)
    await close()
  })

  test('a limit too large for a structured field is the largest that fits', async () => {
    const { app, close } = await openLocal({
      FILES_MAX_UPLOAD_SIZE: '2000000000000000',
      TUS_UPLOAD_EXPIRATION: 'never',
    })
    const { headers } = await supertest(app.url).options('/files')
    expect(headers['upload-limit']).toBe('max-size=999999999999999')
    await close()
  })
})

describe('through the whole app', () => {
  let app: RunningApp
  let client: RufhClient

  beforeAll(async () => {
    app = await startApp({
      locations: ['local', 'archive', 'old'],
      env: { STORAGE_ARCHIVE_MODE: 'drain', STORAGE_OLD_MODE: 'ro' },
    })
    client = new RufhClient({ port: app.port })
  })

  afterAll(() => app.close())

  test('a page of another origin may send and read every field', async () => {
    const preflight = await supertest(app.url)
      .options('/files')
      .set({
        ...ORIGIN,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers':
          'content-disposition,content-type,upload-complete,upload-draft-interop-version,upload-incomplete,upload-length,upload-offset',
      })
    expect(preflight.status).toBe(204)
    const allowed = (preflight.headers['access-control-allow-headers'] ?? '').toLowerCase().split(',')
    expect(allowed).toEqual(
      expect.arrayContaining([
        'content-disposition',
        'upload-complete',
        'upload-incomplete',
        'upload-draft-interop-version',
      ]),
    )
    const answer = await client.create(false, 'hello', ORIGIN)
    const exposed = String(answer.headers['access-control-expose-headers']).toLowerCase().split(',')
    expect(exposed).toEqual(
      expect.arrayContaining([
        'location',
        'upload-complete',
        'upload-incomplete',
        'upload-limit',
        'upload-offset',
      ]),
    )
  })

  test('problems and plain errors carry the headers of CORS too', async () => {
    const path = await client.begin('hello')
    const answer = await client.append(path, { at: 1, isLast: true, headers: ORIGIN })
    expect(answer.status).toBe(409)
    expect(answer.headers['access-control-allow-origin']).toBe('*')
  })

  test('a problem document has our code and the id of the request', async () => {
    const path = await client.begin('hello')
    const headers = { 'X-Request-ID': 'my-id' }
    const answer = await client.append(path, { at: 1, isLast: true, headers })
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-request-id': 'my-id' })
    expect(JSON.parse(answer.body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset',
      title: 'offset from request does not match offset of resource',
      status: 409,
      detail: 'Upload-Offset is 1, but the upload is at 5',
      code: 'ERR_OFFSET_MISMATCH',
      requestId: 'my-id',
      'expected-offset': 5,
      'provided-offset': 1,
    })
  })

  test('a fault that has no problem type is answered as ever', async () => {
    const answer = await client.head(`/files/local/${'a'.repeat(32)}`)
    expect(answer.status).toBe(404)
    const deleted = await client.send('DELETE', `/files/local/${'a'.repeat(32)}`)
    expect(JSON.parse(deleted.body)).toMatchObject({ error: { code: 'ERR_UPLOAD_NOT_FOUND' } })
  })

  test('a plain HEAD of a finished file says that it is complete', async () => {
    const path = pathOf(await client.create(true, 'hello'))
    const { status, headers } = await supertest(app.url).head(path)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'upload-offset': '5',
      'upload-length': '5',
      'upload-complete': '?1',
      'upload-limit': 'max-age=604800',
      'content-length': '5',
    })
  })

  test('GET is the file, unless it names a version', async () => {
    const path = pathOf(await client.create(true, 'hello'))
    expect((await supertest(app.url).get(path)).status).toBe(200)
    const answer = await client.send('GET', path)
    expect(answer.status).toBe(204)
    expect(answer.headers).toMatchObject({ 'upload-offset': '5', 'upload-complete': '?1' })
  })

  test('the URL of a creation is the one that clients reach, with the location in it', async () => {
    const answer = await client.create(true, 'hello', { Host: 'uploads.example.com' })
    expect(answer.headers.location).toMatch(/^http:\/\/uploads\.example\.com\/files\/local\/[0-9a-f]{32}$/)
  })

  test.each(['archive', 'old'])('a location that takes nothing new refuses a creation: %s', async (name) => {
    const answer = await client.send('POST', `/files/${name}`, { 'Upload-Complete': '?1' }, 'hello')
    expect(answer.status).toBe(403)
    expect(answer.headers.location).toBeUndefined()
  })

  test('a location that is only read refuses an append and a DELETE', async () => {
    const path = `/files/old/${'a'.repeat(32)}`
    expect((await client.append(path, { at: 0, isLast: true })).status).toBe(403)
    expect((await client.send('DELETE', path)).status).toBe(403)
  })
})

test('GET with a version works where downloads are not served', async () => {
  const { app, close } = await openLocal({ DOWNLOADS_ENABLED: 'false' })
  const client = new RufhClient({ port: app.port })
  const path = pathOf(await client.create(true, 'hello'))
  expect((await client.send('GET', path)).status).toBe(204)
  expect((await supertest(app.url).get(path)).status).toBe(405)
  await close()
})

test('an upload whose time is over is 410, and max-age tells when that will be', async () => {
  const { app, close } = await openLocal({ TUS_UPLOAD_EXPIRATION: '1500' })
  const client = new RufhClient({ port: app.port })
  const path = await client.begin('hello')
  expect((await client.head(path)).headers['upload-limit']).toMatch(/^max-age=[01]$/)
  await delay(1_600)
  expect((await client.head(path)).status).toBe(410)
  const late = await client.append(path, { at: 5, isLast: true })
  expect(late).toMatchObject({ status: 410, headers: { 'upload-complete': '?0' } })
  await close()
})

test('HEAD: a storage in trouble is 423, which no client takes for the loss of its upload', async () => {
  const { app, s3, close } = await openS3()
  const fault = { kind: 'status', status: 403, code: 'AccessDenied' } as const
  s3.faults.inject({ operation: 'GetObject', fault, times: 9 })
  const answer = await new RufhClient({ port: app.port }).head(`/files/s3/${'a'.repeat(32)}`)
  expect(answer.status).toBe(423)
  expect(answer.headers['retry-after']).toBe('1')
  await close()
})

test('a request that is not of the protocol is answered as before: 412', async () => {
  const { app, close } = await openLocal()
  const answer = await sendRequest({ port: app.port, method: 'POST', path: '/files', headers: {} }, 'hello')
  expect(answer.status).toBe(412)
  await close()
})
