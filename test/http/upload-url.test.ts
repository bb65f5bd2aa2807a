import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import supertest, { type Response } from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApp, startApp } from '../support/start-app.ts'

type Headers = Readonly<Record<string, string>>

const TUS = { 'Tus-Resumable': '1.0.0' }
const ID = /[0-9a-f]{32}/

async function create(app: RunningApp, headers: Headers, path = '/files'): Promise<Response> {
  return await supertest(app.url)
    .post(path)
    .set({ ...TUS, 'Upload-Length': '3', ...headers })
}

async function locationOf(app: RunningApp, headers: Headers, path?: string): Promise<string> {
  const response = await create(app, headers, path)
  expect(response.status).toBe(201)
  return response.headers['location'] ?? ''
}

/** Runs `use` with a server that is configured so. */
async function withApp(env: Headers, use: (app: RunningApp) => Promise<void>): Promise<void> {
  const app = await startApp({ env })
  try {
    await use(app)
  } finally {
    await app.close()
  }
}

const FORWARDED: readonly (readonly [what: string, headers: Headers, start: string])[] = [
  [
    'X-Forwarded-*',
    { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'up.example' },
    'https://up.example/',
  ],
  [
    'default ports',
    { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'up.example:443' },
    'https://up.example/',
  ],
  ['a scheme alone', { 'X-Forwarded-Proto': 'https', Host: 'up.example:8443' }, 'https://up.example:8443/'],
  ['Forwarded', { Forwarded: 'for=1.2.3.4;proto=https;host=up.example' }, 'https://up.example/'],
  [
    'Forwarded, quoted, with a port',
    { Forwarded: 'Host="up.example:8443"; Proto=HTTPS' },
    'https://up.example:8443/',
  ],
  [
    'both, if they say the same',
    {
      Forwarded: 'proto=https;host=up.example',
      'X-Forwarded-Host': 'up.example:443',
      'X-Forwarded-Proto': 'https',
    },
    'https://up.example/',
  ],
  [
    'another scheme than http and https',
    { 'X-Forwarded-Proto': 'gopher', 'X-Forwarded-Host': 'up.example' },
    'http://up.example/',
  ],
]

describe('what a proxy says of how it was reached', () => {
  let trusting: RunningApp
  let wary: RunningApp

  beforeAll(async () => {
    trusting = await startApp({ env: { IP_TRUST_PROXY: 'loopback' } })
    wary = await startApp()
  })

  afterAll(() => Promise.all([trusting.close(), wary.close()]))

  test.each(FORWARDED)('%s: counts from a trusted one', async (_what, headers, start) => {
    expect(await locationOf(trusting, headers)).toContain(`${start}files/local/`)
  })

  test.each(FORWARDED)('%s: does not count from anybody else', async (_what, headers) => {
    const host = headers['Host'] ?? new URL(wary.url).host
    expect(await locationOf(wary, headers)).toContain(`http://${host}/files/local/`)
  })

  test.each([{ 'X-Forwarded-Host': 'evil.example/x' }, { Forwarded: 'host="evil.example/x"' }])(
    'a host that is none (%j) is refused and creates nothing',
    async (headers) => {
      const before = await readdir(join(trusting.root, 'local'))
      expect((await create(trusting, headers)).status).toBe(400)
      expect(await readdir(join(trusting.root, 'local'))).toEqual(before)
    },
  )

  // nginx and HAProxy set the one and pass the other on as the client wrote it.
  test.each([
    { 'X-Forwarded-Host': 'up.example', Forwarded: 'host=evil.example' },
    { 'X-Forwarded-Host': 'evil.example', Forwarded: 'for=1.2.3.4;host=up.example' },
    { 'X-Forwarded-Proto': 'https', Forwarded: 'host=evil.example;proto=https' },
    { 'X-Forwarded-Proto': 'https', Forwarded: 'proto=http' },
  ])('where the two headers contradict each other (%j), neither is believed: 400', async (headers) => {
    const before = await readdir(join(trusting.root, 'local'))
    const response = await create(trusting, headers)
    expect(response.status).toBe(400)
    expect(response.text).toContain('contradict each other')
    expect(await readdir(join(trusting.root, 'local'))).toEqual(before)
  })
})

describe('a header that a client had begun before a proxy appended to it', () => {
  const HOPS: readonly (readonly [trusted: string, headers: Headers, host: string])[] = [
    ['loopback', { 'X-Forwarded-Host': 'evil.example, up.example' }, 'up.example'],
    ['1', { 'X-Forwarded-Host': 'evil.example, up.example' }, 'up.example'],
    ['true', { 'X-Forwarded-Host': 'evil.example, up.example' }, 'up.example'],
    ['loopback', { Forwarded: 'host=evil.example, for=203.0.113.9;host=up.example' }, 'up.example'],
    ['1', { Forwarded: 'host=evil.example, for=203.0.113.9;host=up.example' }, 'up.example'],
    // The inner proxy names the outer one, which is trusted too; the outer one names the client, who is not.
    [
      'loopback,10.0.0.0/8',
      { Forwarded: 'host=evil.example, for=203.0.113.9;host=up.example, for="10.0.0.7:4711";host=inner' },
      'up.example',
    ],
    [
      'loopback,fd00::/8',
      { Forwarded: 'host=evil.example, for=203.0.113.9;host=up.example, for="[fd00::7]:4711";host=inner' },
      'up.example',
    ],
    [
      '2',
      { Forwarded: 'host=evil.example, for=203.0.113.9;host=up.example, for=10.0.0.7;host=inner' },
      'up.example',
    ],
    ['loopback', { Forwarded: 'host=up.example, for=10.0.0.7;host=inner' }, 'inner'],
    ['loopback', { Forwarded: 'host=evil.example, for=unknown;host=up.example' }, 'up.example'],
    ['loopback', { Forwarded: 'for=127.0.0.1;host="evil.example, for=_x;host=up.example' }, 'up.example'],
    // A proxy that was given no element and appends none has nothing to go back to.
    ['loopback,10.0.0.0/8', { Forwarded: 'for=10.0.0.7;host=up.example' }, 'up.example'],
  ]

  test.each(HOPS)('IP_TRUST_PROXY=%s, %j: the URL has %s', async (trusted, headers, host) => {
    await withApp({ IP_TRUST_PROXY: trusted }, async (app) => {
      expect(new URL(await locationOf(app, headers)).host).toBe(host)
    })
  })

  test.each(['false', '0', '10.0.0.0/8'])(
    'nothing of it counts where this proxy is not trusted (IP_TRUST_PROXY=%s)',
    async (trusted) => {
      await withApp({ IP_TRUST_PROXY: trusted }, async (app) => {
        const headers = {
          'X-Forwarded-Host': 'evil.example',
          'X-Forwarded-Proto': 'https',
          Forwarded: 'host=b.example',
        }
        expect(await locationOf(app, headers)).toContain(`${app.url}/files/local/`)
      })
    },
  )

  test('the scheme that the nearest proxy wrote counts as well', async () => {
    await withApp({ IP_TRUST_PROXY: 'loopback' }, async (app) => {
      const location = await locationOf(app, { 'X-Forwarded-Proto': 'http, https', Host: 'up.example' })
      expect(location).toMatch(/^https:\/\/up\.example\/files\//)
    })
  })

  test('X-Forwarded-Prefix never counts: no proxy takes it out of what a client sends', async () => {
    await withApp({ IP_TRUST_PROXY: 'true' }, async (app) => {
      const location = await locationOf(app, { 'X-Forwarded-Prefix': '/evil' })
      expect(location).toContain(`${app.url}/files/local/`)
    })
  })
})

describe('PUBLIC_URL', () => {
  const env = { PUBLIC_URL: 'https://cdn.example/api/uploads/', IP_TRUST_PROXY: 'true' }
  let app: RunningApp

  beforeAll(async () => {
    app = await startApp({ env })
  })

  afterAll(() => app.close())

  test('goes before all that is forwarded, contradictions too, and keeps its path', async () => {
    const headers = { 'X-Forwarded-Host': 'other.example', Forwarded: 'host=another.example' }
    const location = await locationOf(app, headers)
    expect(location).toMatch(/^https:\/\/cdn\.example\/api\/uploads\/files\/local\/[0-9a-f]{32}$/)
  })

  test.each(['/api/uploads', ''])('a proxy may pass its path on or take it off (%j)', async (prefix) => {
    const location = await locationOf(app, {}, `${prefix}/files/local`)
    const id = ID.exec(location)?.[0] ?? ''
    const head = await supertest(app.url).head(`${prefix}/files/local/${id}`).set(TUS)
    expect(head.headers['upload-offset']).toBe('0')
    expect((await supertest(app.url).get(`${prefix}/health`)).status).toBe(200)
    expect((await supertest(app.url).get(`${prefix}/page.json?x=/y`)).body).toMatchObject({
      endpoint: '/api/uploads/files',
    })
  })

  test.each([
    ['/api/uploads', '/api/uploads/'],
    ['/api/uploads?x=1', '/api/uploads/?x=1'],
  ])('the page is a folder: %s leads to %s', async (path, folder) => {
    const { status, headers } = await supertest(app.url).get(path)
    expect([status, headers['location']]).toEqual([308, folder])
  })

  test('its path with a slash is the page, as / is', async () => {
    const ask = (url: string) => supertest(app.url).get(url).set('X-Request-ID', 'same')
    const [page, root] = [await ask('/api/uploads/'), await ask('/')]
    expect([page.status, page.text]).toEqual([root.status, root.text])
  })

  test.each([
    '/api/uploadsfiles/local',
    '/api/files',
    '/API/uploads/files',
    '/api/uploads/api/uploads/files',
  ])('%s is no route', async (path) => {
    expect((await create(app, {}, path)).status).toBe(404)
  })

  test('with a path that begins as ours do, it is the proxy that takes it off', async () => {
    await withApp({ PUBLIC_URL: 'https://cdn.example/files' }, async (below) => {
      const location = await locationOf(below, {}, '/files/local')
      expect(location).toMatch(/^https:\/\/cdn\.example\/files\/files\/local\//)
      const { pathname } = new URL(location)
      const head = await supertest(below.url).head(pathname.slice('/files'.length)).set(TUS)
      expect(head.status).toBe(200)
    })
  })
})

describe('TUS_RELATIVE_LOCATION', () => {
  const env = { TUS_RELATIVE_LOCATION: 'true', PUBLIC_URL: 'https://cdn.example/api/uploads' }
  let app: RunningApp

  beforeAll(async () => {
    app = await startApp({ env })
  })

  afterAll(() => app.close())

  test.each([
    ['/files', /^files\/local\/[0-9a-f]{32}$/],
    ['/files/', /^local\/[0-9a-f]{32}$/],
    ['/files/local', /^local\/[0-9a-f]{32}$/],
    ['/files/local/', /^[0-9a-f]{32}$/],
    ['/files?token=/a/', /^files\/local\/[0-9a-f]{32}$/],
    ['/api/uploads/files', /^files\/local\/[0-9a-f]{32}$/],
  ])('POST %s is told %s, which resolves to the upload whatever is before it', async (path, expected) => {
    const location = await locationOf(app, {}, path)
    expect(location).toMatch(expected)
    const { pathname } = new URL(location, `https://any.example/some/where${path}`)
    expect(pathname).toMatch(/^\/some\/where(\/api\/uploads)?\/files\/local\/[0-9a-f]{32}$/)
    const head = await supertest(app.url).head(pathname.slice('/some/where'.length)).set(TUS)
    expect(head.status).toBe(200)
  })

  test('asks for no sound forwarded host, as it uses none', async () => {
    await withApp({ TUS_RELATIVE_LOCATION: 'true', IP_TRUST_PROXY: 'true' }, async (relative) => {
      const location = await locationOf(relative, { 'X-Forwarded-Host': 'evil.example/x' })
      expect(location).toMatch(/^files\/local\//)
    })
  })
})
