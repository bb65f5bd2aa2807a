import supertest from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApp, sendRaw, startApp } from '../support/start-app.ts'

let app: RunningApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app.close())

describe('X-Request-ID', () => {
  test('is a new UUID for a request without one', async () => {
    const ids = [await supertest(app.url).get('/health'), await supertest(app.url).get('/health')].map(
      ({ headers }) => headers['x-request-id'] as string,
    )
    expect(ids[0]).toMatch(/^[\da-f]{8}-([\da-f]{4}-){3}[\da-f]{12}$/)
    expect(ids[0]).not.toBe(ids[1])
  })

  test.each(['abc', 'f1f1aa00-0000-4000-8000-000000000000', 'a.b:c/d+e=='])('of %s is kept', async (id) => {
    const response = await supertest(app.url).get('/health').set('X-Request-ID', id)
    expect(response.headers['x-request-id']).toBe(id)
  })

  test.each(['a b', '<script>', 'a"b', 'ü', 'x'.repeat(129), '', 'a,b'])(
    'of %j could harm a log or a header: it gets a new one',
    async (id) => {
      const answer = await sendRaw(app.port, 'GET /health HTTP/1.1', 'Host: localhost', `X-Request-ID: ${id}`)
      expect(answer).toMatch(/X-Request-ID: [\da-f]{8}-/)
    },
  )
})

describe('the log', () => {
  test('has a line for each answer, with the id, what was asked and how it went', async () => {
    const response = await supertest(app.url).get('/files/nowhere').set('X-Request-ID', 'line-1')
    await expect
      .poll(() => app.logs.find((line) => line['status'] !== undefined && line['requestId'] === 'line-1'))
      .toMatchObject({
        level: 40,
        method: 'GET',
        path: '/files/nowhere',
        status: 404,
        bytesOut: Number(response.headers['content-length']),
        durationMs: expect.any(Number) as number,
      })
  })

  test('has no secret of a request: no query, no credentials', async () => {
    await supertest(app.url)
      .get('/files/nowhere?token=SECRET-1')
      .set({ Authorization: 'Bearer SECRET-2', Cookie: 'session=SECRET-3', 'X-Request-ID': 'line-2' })
    await expect.poll(() => app.logs.some(({ requestId }) => requestId === 'line-2')).toBe(true)
    expect(JSON.stringify(app.logs)).not.toContain('SECRET')
  })

  test('of probes is for those who debug', async () => {
    await supertest(app.url).get('/health').set('X-Request-ID', 'line-3')
    await expect
      .poll(() => app.logs.find(({ requestId }) => requestId === 'line-3'))
      .toMatchObject({ level: 20 })
  })
})
