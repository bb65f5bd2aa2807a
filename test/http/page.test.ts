import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import supertest from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendRaw, startApp } from '../support/start-app.ts'
import { type StubApp, startStubApp } from '../support/stub-app.ts'

describe('the page', () => {
  let directory: string
  let app: StubApp

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tusker-page-'))
    await mkdir(join(directory, 'page', 'assets'), { recursive: true })
    await writeFile(join(directory, 'page', 'index.html'), '<!doctype html><title>Upload</title>')
    await writeFile(join(directory, 'page', 'assets', 'main-1a2b3c.js'), 'export {}')
    await writeFile(join(directory, 'page', '.env'), 'SECRET=1')
    await writeFile(join(directory, 'outside.txt'), 'outside')
    const page = { writableLocations: ['a'], maxSizeBytes: undefined, downloads: true }
    app = await startStubApp({ page: { ...page, directory: join(directory, 'page') } })
  })

  afterAll(async () => {
    await app.close()
    await rm(directory, { recursive: true, force: true })
  })

  test('is at /, and asked for anew each time', async () => {
    const response = await supertest(app.url).get('/')
    expect(response.status).toBe(200)
    expect(response.headers['content-type']).toMatch(/^text\/html/)
    expect(response.headers['cache-control']).toBe('no-cache')
    expect(response.text).toContain('<title>Upload</title>')
  })

  test('has assets that are kept for ever: their names change with their content', async () => {
    const response = await supertest(app.url).get('/assets/main-1a2b3c.js')
    expect(response.headers['content-type']).toMatch(/^text\/javascript/)
    expect(response.headers['cache-control']).toBe('public, max-age=31536000, immutable')
  })

  test.each(['/.env', '/..%2foutside.txt', '/../outside.txt', '/assets/', '/assets/nothing.js'])(
    '%s is 404',
    async (path) => {
      const port = Number(new URL(app.url).port)
      const answer = await sendRaw(port, `GET ${path} HTTP/1.1`, 'Host: localhost')
      expect(answer).toMatch(/^HTTP\/1\.1 404 /)
      expect(answer).toContain('ERR_ROUTE_NOT_FOUND')
    },
  )
})

describe('/page.json', () => {
  test('tells the page where it may upload to: not to locations that take nothing new', async () => {
    const app = await startApp({
      locations: ['local', 'archive', 'old'],
      env: {
        STORAGE_ARCHIVE_MODE: 'ro',
        STORAGE_OLD_MODE: 'drain',
        STORAGE_DEFAULT_LOCATION: 'local',
        FILES_MAX_UPLOAD_SIZE: '5mb',
      },
    })
    const response = await supertest(app.url).get('/page.json')
    expect(response.status).toBe(200)
    expect(response.headers['cache-control']).toBe('no-cache')
    expect(response.body).toEqual({
      endpoint: '/files',
      locations: [{ name: 'local', endpoint: '/files/local', mode: 'rw' }],
      defaultLocation: 'local',
      maxSizeBytes: expect.any(Number) as number,
      downloads: true,
    })
    await app.close()
  })

  test('has no size if there is no limit, and the path of PUBLIC_URL in its endpoints', async () => {
    const app = await startStubApp({ publicUrl: 'https://example.com/up' })
    expect((await supertest(app.url).get('/page.json')).body).toMatchObject({
      endpoint: '/up/files',
      locations: [{ endpoint: '/up/files/local' }],
      maxSizeBytes: null,
    })
    await app.close()
  })
})
