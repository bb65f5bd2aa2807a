import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import supertest, { type Response } from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApp, sendRaw, startApp } from '../support/start-app.ts'

const UNKNOWN = 'a'.repeat(32)

let app: RunningApp

beforeAll(async () => {
  app = await startApp({ locations: ['local', 'archive'] })
})

afterAll(() => app.close())

async function create(
  server: RunningApp,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await supertest(server.url)
    .post(path)
    .set({ 'Tus-Resumable': '1.0.0', 'Upload-Length': '3', ...headers })
}

function filesOf(server: RunningApp): Promise<string[]> {
  return readdir(join(server.root, 'local'))
}

async function locationOf(server: RunningApp, headers: Record<string, string>): Promise<string> {
  const response = await create(server, '/files', headers)
  expect(response.status).toBe(201)
  return response.headers['location'] ?? ''
}

describe('/files', () => {
  test.each([
    ['/files', 'local'],
    ['/files/', 'local'],
    ['/files/local', 'local'],
    ['/files/archive', 'archive'],
    ['/files/archive/', 'archive'],
  ])('POST %s creates in %s, whose name is in the URL', async (path, location) => {
    const response = await create(app, path)
    expect(response.status).toBe(201)
    expect(response.headers['location']).toMatch(new RegExp(`^${app.url}/files/${location}/[0-9a-f]{32}$`))
  })

  test('the upload is in the location that the URL names, and in no other', async () => {
    const path = await app.upload('abc', { collection: '/files/archive' })
    expect((await supertest(app.url).get(path)).status).toBe(200)
    expect((await supertest(app.url).get(path.replace('archive', 'local'))).status).toBe(404)
  })

  test.each([
    '/files/nowhere',
    `/files/nowhere/${UNKNOWN}`,
    '/files/LOCAL',
    '/files/__proto__',
    '/files/%00',
  ])('%s is no location: 404, and those that there are are not told', async (path) => {
    const response = await create(app, path)
    expect(response.status).toBe(404)
    expect(response.body).toMatchObject({ error: { code: 'ERR_LOCATION_NOT_FOUND' } })
    expect(response.text).not.toContain('archive')
  })

  test.each([
    `/files/local/${UNKNOWN}/more`,
    `/Files/local`,
    '/filesystem',
    '/files//local',
    '/files/local//',
  ])('%s is no route', async (path) => {
    const answer = await sendRaw(app.port, `GET ${path} HTTP/1.1`, 'Host: localhost')
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
    expect(answer).toContain('ERR_ROUTE_NOT_FOUND')
  })

  test.each([
    UNKNOWN,
    UNKNOWN.toUpperCase().replace('A', 'B'),
    `${UNKNOWN}.info`,
    '..%2flocal',
    '%2e%2e',
    `${UNKNOWN}%00`,
    'x',
  ])('%s is no upload: 404, whatever the method', async (id) => {
    for (const method of ['GET', 'HEAD', 'PATCH', 'DELETE']) {
      const answer = await sendRaw(
        app.port,
        `${method} /files/local/${id} HTTP/1.1`,
        'Host: localhost',
        'Tus-Resumable: 1.0.0',
        'Upload-Offset: 0',
        'Content-Type: application/offset+octet-stream',
        'Content-Length: 0',
      )
      expect(answer).toMatch(/^HTTP\/1\.1 404 /)
      expect(answer.includes('ERR_UPLOAD_NOT_FOUND')).toBe(method !== 'HEAD')
    }
  })

  test('a query does not change what a URL names', async () => {
    const path = await app.upload('abc')
    const response = await supertest(app.url).head(`${path}?sig=a/b&x=/y`).set('Tus-Resumable', '1.0.0')
    expect(response.status).toBe(200)
  })

  test.each(['/files/%', '/files/local/%E0%A4%A'])('%s is not readable: 400', async (path) => {
    const answer = await sendRaw(app.port, `GET ${path} HTTP/1.1`, 'Host: localhost')
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('ERR_BAD_REQUEST')
  })

  test.each([
    ['GET', '/files', 'POST, OPTIONS'],
    ['DELETE', '/files/archive', 'POST, OPTIONS'],
    ['PUT', `/files/local/${UNKNOWN}`, 'GET, HEAD, PATCH, DELETE, OPTIONS'],
    ['POST', `/files/local/${UNKNOWN}`, 'GET, HEAD, PATCH, DELETE, OPTIONS'],
  ])('%s %s is 405 with Allow: %s', async (method, path, allow) => {
    const answer = await sendRaw(
      app.port,
      `${method} ${path} HTTP/1.1`,
      'Host: localhost',
      'Content-Length: 0',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 405 /)
    expect(answer).toContain(`Allow: ${allow}\r\n`)
    expect(answer).toContain('ERR_METHOD_NOT_ALLOWED')
  })

  test('every answer names the protocol version, errors too', async () => {
    for (const path of ['/files/nowhere', `/files/local/${UNKNOWN}`, '/files/local/x', '/files/a/b/c']) {
      const response = await supertest(app.url).patch(path)
      expect(response.status).toBeGreaterThanOrEqual(400)
      expect(response.headers['tus-resumable']).toBe('1.0.0')
    }
  })

  test('POST with X-HTTP-Method-Override: PATCH is a PATCH', async () => {
    const { pathname } = new URL((await create(app, '/files')).headers['location'] ?? '')
    const response = await supertest(app.url)
      .post(pathname)
      .set({ 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0', 'X-HTTP-Method-Override': 'PATCH' })
      .type('application/offset+octet-stream')
      .send('abc')
    expect(response.status).toBe(204)
    expect(response.headers['upload-offset']).toBe('3')
  })

  test.each(['DELETE', 'PATCH', 'POST'])(
    'GET with X-HTTP-Method-Override: %s is judged as that method, and changes nothing without its headers',
    async (method) => {
      const path = await app.upload('abc')
      const response = await supertest(app.url).get(path).set('X-HTTP-Method-Override', method)
      expect(response.status).toBe(method === 'POST' ? 405 : 412)
      expect((await supertest(app.url).get(path)).status).toBe(200)
    },
  )

  test('bodies that a parser would take (JSON, forms) are stored as they are', async () => {
    const path = await app.upload('{"a": 1}')
    expect((await supertest(app.url).get(path).buffer(true)).body.toString()).toBe('{"a": 1}')
  })
})

describe('the URL of an upload', () => {
  test.each([
    ['uploads.example:8080', 'http://uploads.example:8080/'],
    ['uploads.example:80', 'http://uploads.example/'],
    ['uploads.example:443', 'http://uploads.example:443/'],
    ['[::1]:1080', 'http://[::1]:1080/'],
    ['my_service', 'http://my_service/'],
  ])('Host %s: %s', async (host, start) => {
    expect(await locationOf(app, { Host: host })).toContain(`${start}files/local/`)
  })

  test.each(['evil.example/path', 'a@b', 'a b', 'x?y', 'a:b', 'a:123456', '[x', 'a,b', ''])(
    'a Host of %j is refused and creates nothing',
    async (host) => {
      const answer = await sendRaw(
        app.port,
        'POST /files HTTP/1.1',
        `Host: ${host}`,
        'Tus-Resumable: 1.0.0',
        'Upload-Length: 3',
        'Content-Length: 0',
      )
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).not.toContain('Location')
    },
  )

  test('HTTP/1.0 without a Host can ask for health, but creates nothing, as no URL could be told', async () => {
    expect(await sendRaw(app.port, 'GET /health HTTP/1.0')).toMatch(/^HTTP\/1\.1 200 /)
    const before = await filesOf(app)
    const answer = await sendRaw(app.port, 'POST /files HTTP/1.0', 'Tus-Resumable: 1.0.0', 'Upload-Length: 3')
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(await filesOf(app)).toEqual(before)
  })
})
