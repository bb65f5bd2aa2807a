import supertest from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningApp, startApp } from '../support/start-app.ts'

let app: RunningApp

beforeAll(async () => {
  app = await startApp({ env: { IP_TRUST_PROXY: 'loopback' } })
})

afterAll(() => app.close())

test('the page may load and reach nothing but this server, and be in no frame', async () => {
  const { headers } = await supertest(app.url).get('/')
  const policy = new Map(
    (headers['content-security-policy'] ?? '').split(';').map((directive: string) => {
      const [name = '', ...sources] = directive.trim().split(' ')
      return [name, sources.join(' ')]
    }),
  )
  expect(Object.fromEntries(policy)).toMatchObject({
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'connect-src': "'self'",
    'img-src': "'self' blob: data:",
    'frame-ancestors': "'none'",
    'form-action': "'none'",
    'base-uri': "'none'",
  })
})

test('http://host:1080 stays reachable: nothing makes a browser insist on https', async () => {
  for (const proto of ['http', 'https']) {
    const { headers } = await supertest(app.url).get('/').set('X-Forwarded-Proto', proto)
    expect(headers['strict-transport-security']).toBeUndefined()
    expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests')
  }
})

test.each(['/', '/health', '/page.json', '/files', '/nothing', '/files/nowhere'])(
  '%s: no sniffing, no referrer, no word of Express',
  async (path) => {
    const { headers } = await supertest(app.url).get(path)
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    })
    expect(headers['x-powered-by']).toBeUndefined()
  },
)

test('headers that browsers understand on https only are sent there only: on http they would print errors', async () => {
  const plain = await supertest(app.url).get('/health')
  const secure = await supertest(app.url).get('/health').set('X-Forwarded-Proto', 'https')
  expect(plain.headers['cross-origin-opener-policy']).toBeUndefined()
  expect(secure.headers['cross-origin-opener-policy']).toBe('same-origin')
})
