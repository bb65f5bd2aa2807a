import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'
import { startApp } from '../support/start-app.ts'
import { startStubApp } from '../support/stub-app.ts'

describe('/health', () => {
  test('says that the process lives, whatever its locations do', async () => {
    const app = await startStubApp({ pings: { broken: () => Promise.reject(new Error('down')) } })
    const response = await supertest(app.url).get('/health')
    expect(response.status).toBe(200)
    expect(response.body).toEqual({ status: 'ok' })
    expect(response.headers['cache-control']).toBe('no-store')
    await app.close()
  })
})

describe('/ready', () => {
  test('names every location and how long it took', async () => {
    const app = await startApp({ locations: ['local', 'archive'] })
    const response = await supertest(app.url).get('/ready')
    expect(response.status).toBe(200)
    expect(response.body).toEqual({
      status: 'ok',
      locations: [
        { name: 'local', status: 'ok', durationMs: expect.any(Number) as number },
        { name: 'archive', status: 'ok', durationMs: expect.any(Number) as number },
      ],
    })
    await app.close()
  })

  test('is 503 when a location is gone; why is in the log only', async () => {
    const app = await startApp({ locations: ['local', 'archive'] })
    await rm(join(app.root, 'archive'), { recursive: true })
    const response = await supertest(app.url).get('/ready')
    expect(response.status).toBe(503)
    expect(response.body).toMatchObject({
      status: 'unavailable',
      locations: [
        { name: 'local', status: 'ok' },
        { name: 'archive', status: 'unavailable' },
      ],
    })
    expect(response.text).not.toMatch(/ENOENT|tmp/)
    expect(app.logs).toContainEqual(expect.objectContaining({ location: 'archive', level: 40 }))
    await app.close()
  })

  test('asks all locations at once, and waits 5 s for one that does not answer', async () => {
    const hangs = (): Promise<void> => new Promise(() => undefined)
    const app = await startStubApp({ pings: { a: hangs, fine: () => Promise.resolve(), b: hangs } })
    const started = Date.now()
    const response = await supertest(app.url).get('/ready')
    expect(Date.now() - started).toBeLessThan(7_000)
    expect(response.status).toBe(503)
    expect(response.body).toMatchObject({
      locations: [
        { name: 'a', status: 'unavailable' },
        { name: 'fine', status: 'ok' },
        { name: 'b', status: 'unavailable' },
      ],
    })
    await app.close()
  })

  test('asked many times at once, asks each location once', async () => {
    let pings = 0
    const slowly = async (): Promise<void> => {
      pings += 1
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    const app = await startStubApp({ pings: { slow: slowly } })
    const probes = Array.from({ length: 5 }, () => supertest(app.url).get('/ready'))
    expect((await Promise.all(probes)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(pings).toBe(1)
    await app.close()
  })

  test('is 503 while the server shuts down', async () => {
    const app = await startStubApp({ isShuttingDown: () => true })
    const response = await supertest(app.url).get('/ready')
    expect(response.status).toBe(503)
    expect(response.body).toMatchObject({ status: 'shutting-down' })
    await app.close()
  })

  test('of what it is asked it answers HEAD too', async () => {
    const app = await startStubApp()
    expect((await supertest(app.url).head('/ready')).status).toBe(200)
    await app.close()
  })
})
