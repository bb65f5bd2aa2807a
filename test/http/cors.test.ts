import supertest, { type Response } from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApp, startApp } from '../support/start-app.ts'

const OTHER = 'https://app.example.com'
const CORS_HEADERS = /^access-control-/

function corsHeadersOf(response: Response): string[] {
  return Object.keys(response.headers).filter((name) => CORS_HEADERS.test(name))
}

function listOf(response: Response, header: string): string[] {
  return (response.headers[header] ?? '').split(',').map((name: string) => name.trim().toLowerCase())
}

/** As a browser asks: names in lower case, sorted, joined by commas. */
async function preflight(app: RunningApp, path: string, method: string, headers: string): Promise<Response> {
  return await supertest(app.url).options(path).set({
    Origin: OTHER,
    'Access-Control-Request-Method': method,
    'Access-Control-Request-Headers': headers,
    'Sec-Fetch-Mode': 'cors',
    'Sec-Fetch-Site': 'cross-site',
  })
}

const PREFLIGHTS = [
  ['tus-js-client creates', '/files', 'POST', 'tus-resumable,upload-length,upload-metadata'],
  [
    'tus-js-client creates with data',
    '/files/local',
    'POST',
    'content-type,tus-resumable,upload-length,upload-metadata',
  ],
  ['tus-js-client defers the length', '/files', 'POST', 'tus-resumable,upload-defer-length,upload-metadata'],
  ['tus-js-client resumes', `/files/local/${'a'.repeat(32)}`, 'HEAD', 'tus-resumable'],
  [
    'tus-js-client sends',
    `/files/local/${'a'.repeat(32)}`,
    'PATCH',
    'content-type,tus-resumable,upload-offset',
  ],
  [
    'tus-js-client declares the length',
    `/files/local/${'a'.repeat(32)}`,
    'PATCH',
    'content-type,tus-resumable,upload-length,upload-offset',
  ],
  [
    'tus-js-client with overridePatchMethod',
    `/files/local/${'a'.repeat(32)}`,
    'POST',
    'content-type,tus-resumable,upload-offset,x-http-method-override',
  ],
  [
    'tus-js-client with addRequestId',
    '/files',
    'POST',
    'tus-resumable,upload-length,upload-metadata,x-request-id',
  ],
  ['tus-js-client terminates', `/files/local/${'a'.repeat(32)}`, 'DELETE', 'tus-resumable'],
  [
    'Uppy with a token',
    '/files',
    'POST',
    'authorization,tus-resumable,upload-length,upload-metadata,x-requested-with',
  ],
  ['a player seeks', `/files/local/${'a'.repeat(32)}`, 'GET', 'if-range,range'],
] as const

describe('every origin may (the default)', () => {
  let app: RunningApp
  beforeAll(async () => {
    app = await startApp()
  })
  afterAll(() => app.close())

  test.each(PREFLIGHTS)('the preflight when %s passes', async (_what, path, method, headers) => {
    const response = await preflight(app, path, method, headers)
    expect(response.status).toBe(204)
    expect(response.headers['access-control-allow-origin']).toBe('*')
    expect(listOf(response, 'access-control-allow-methods')).toContain(method.toLowerCase())
    expect(listOf(response, 'access-control-allow-headers')).toEqual(
      expect.arrayContaining(headers.split(',')),
    )
    expect(response.headers['access-control-max-age']).toBe('86400')
    expect(response.headers['access-control-allow-credentials']).toBeUndefined()
  })

  test('every header of tus may be read', async () => {
    const response = await supertest(app.url)
      .post('/files')
      .set({ Origin: OTHER, 'Tus-Resumable': '1.0.0', 'Upload-Length': '3' })
    expect(response.status).toBe(201)
    expect(response.headers['access-control-allow-origin']).toBe('*')
    expect(listOf(response, 'access-control-expose-headers')).toEqual(
      expect.arrayContaining(
        'upload-offset,location,upload-length,tus-version,tus-resumable,tus-max-size,tus-extension,upload-metadata,upload-defer-length,upload-concat,upload-expires,upload-complete,upload-limit,upload-draft-interop-version,tus-checksum-algorithm,x-request-id,content-disposition'.split(
          ',',
        ),
      ),
    )
    expect(listOf(response, 'vary')).toContain('origin')
  })

  test('an OPTIONS that is no preflight is the one of tus', async () => {
    const response = await supertest(app.url).options('/files').set('Origin', OTHER)
    expect(response.headers['tus-version']).toBe('1.0.0')
    expect(response.headers['access-control-allow-origin']).toBe('*')
  })

  test('errors carry the headers too: the page is to learn what went wrong', async () => {
    const response = await supertest(app.url)
      .patch(`/files/local/${'a'.repeat(32)}`)
      .set('Origin', OTHER)
    expect(response.status).toBe(412)
    expect(response.headers['access-control-allow-origin']).toBe('*')
  })

  test('a page may download, in pieces too, and read what it gets', async () => {
    const path = await app.upload('abc')
    const response = await supertest(app.url).get(path).set({ Origin: OTHER, Range: 'bytes=1-1' })
    expect(response.status).toBe(206)
    expect(response.headers['access-control-allow-origin']).toBe('*')
    expect(listOf(response, 'access-control-expose-headers')).toEqual(
      expect.arrayContaining(['content-range', 'content-disposition', 'etag']),
    )
    const asked = await preflight(app, path, 'GET', 'range')
    expect(listOf(asked, 'access-control-allow-headers')).toContain('range')
  })

  test('requests of no page get Vary: Origin, so that no cache gives them to one', async () => {
    const response = await supertest(app.url).options('/files')
    expect(listOf(response, 'vary')).toContain('origin')
  })

  test('neither health nor the page is for other origins', async () => {
    for (const path of ['/health', '/page.json']) {
      expect(corsHeadersOf(await supertest(app.url).get(path).set('Origin', OTHER))).toEqual([])
    }
  })
})

describe('a list of origins, with credentials', () => {
  let app: RunningApp
  beforeAll(async () => {
    app = await startApp({
      env: {
        CORS_ORIGIN: `${OTHER},https://b.example`,
        CORS_CREDENTIALS: 'true',
        CORS_ALLOWED_HEADERS: 'X-Tenant',
        CORS_EXPOSED_HEADERS: 'X-Trace',
        CORS_MAX_AGE: '60',
      },
    })
  })
  afterAll(() => app.close())

  test('an origin in it may, is named, and may send cookies', async () => {
    const response = await preflight(app, '/files', 'POST', 'tus-resumable,x-tenant')
    expect(response.status).toBe(204)
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': OTHER,
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '60',
    })
    expect(listOf(response, 'access-control-allow-headers')).toContain('x-tenant')
    expect(listOf(response, 'access-control-expose-headers')).toContain('x-trace')
    expect(listOf(response, 'vary')).toContain('origin')
  })

  test.each([
    'https://evil.example',
    'https://app.example.com.evil.example',
    'http://app.example.com',
    'https://app.example.com:8443',
    'null',
    'nonsense',
  ])('%s is refused, in the preflight and after, without a CORS header', async (origin) => {
    const asked = supertest(app.url)
      .options('/files')
      .set({ Origin: origin, 'Access-Control-Request-Method': 'POST' })
    const created = supertest(app.url)
      .post('/files')
      .set({ Origin: origin, 'Tus-Resumable': '1.0.0', 'Upload-Length': '3' })
    for (const response of [await asked, await created]) {
      expect(response.status).toBe(403)
      expect(response.body).toMatchObject({ error: { code: 'ERR_ORIGIN_NOT_ALLOWED' } })
      expect(corsHeadersOf(response)).toEqual([])
      expect(response.headers['location']).toBeUndefined()
      expect(listOf(response, 'vary')).toContain('origin')
    }
  })

  test.each([
    ['the same host', () => ({ Origin: app.url })],
    [
      'the same host behind a proxy that speaks https',
      () => ({ Origin: 'https://uploads.example', Host: 'uploads.example' }),
    ],
    [
      'a browser that says so',
      () => ({ Origin: 'https://uploads.example', 'Sec-Fetch-Site': 'same-origin' }),
    ],
  ])('our own page may always: %s', async (_what, headers) => {
    const response = await supertest(app.url)
      .post('/files')
      .set({ ...headers(), 'Tus-Resumable': '1.0.0', 'Upload-Length': '3' })
    expect(response.status).toBe(201)
    expect(corsHeadersOf(response)).toEqual([])
  })
})

test('with CORS_ORIGIN=false no other origin may', async () => {
  const app = await startApp({ env: { CORS_ORIGIN: 'false' } })
  expect((await preflight(app, '/files', 'POST', 'tus-resumable')).status).toBe(403)
  await app.close()
})

test('with CORS_ENABLED=false there is not one CORS header, and nothing is refused', async () => {
  const app = await startApp({ env: { CORS_ENABLED: 'false' } })
  const asked = await preflight(app, '/files', 'POST', 'tus-resumable')
  expect(asked.headers['tus-version']).toBe('1.0.0')
  const created = await supertest(app.url)
    .post('/files')
    .set({ Origin: OTHER, 'Tus-Resumable': '1.0.0', 'Upload-Length': '3' })
  expect(created.status).toBe(201)
  expect([...corsHeadersOf(asked), ...corsHeadersOf(created)]).toEqual([])
  await app.close()
})
