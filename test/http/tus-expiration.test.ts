import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import supertest, { type Test } from 'supertest'
import { afterEach, describe, expect, test } from 'vitest'
import { type RunningApp, startApp } from '../support/start-app.ts'

const MINUTE_MS = 60_000

let app: RunningApp

async function start(env: Record<string, string>): Promise<void> {
  app = await startApp({ env: { TUS_UPLOAD_EXPIRATION: '1m', TUS_CLEANUP_SCHEDULE: 'off', ...env } })
}

afterEach(() => app.close())

function send(method: 'patch' | 'head' | 'post' | 'delete', path: string): Test {
  return supertest(app.url)[method](path).set('Tus-Resumable', '1.0.0')
}

async function create(): Promise<string> {
  const { headers } = await send('post', '/files').set('Upload-Length', '10').expect(201)
  return new URL(headers['location'] ?? '').pathname
}

function patch(path: string, offset: number, body: string): Test {
  return send('patch', path)
    .set('Upload-Offset', String(offset))
    .type('application/offset+octet-stream')
    .send(Buffer.from(body))
}

/** Makes it look as if nothing had been stored for so long. */
async function rest(path: string, ms: number): Promise<void> {
  const since = new Date(Date.now() - ms)
  await utimes(join(app.root, 'local', `${path.split('/').at(-1) ?? ''}.part`), since, since)
}

async function expectLifetime(expires: string | undefined, ms: number): Promise<void> {
  const left = Date.parse(expires ?? '') - Date.now()
  expect(Math.abs(left - ms)).toBeLessThan(5_000)
}

describe('sliding expiration', () => {
  test('EX-02, EX-04: each PATCH that stores bytes puts it off', async () => {
    await start({ TUS_UPLOAD_EXPIRATION_MODE: 'sliding' })
    const path = await create()
    await rest(path, MINUTE_MS - 10_000)
    await expectLifetime((await send('head', path).expect(200)).headers['upload-expires'], 10_000)
    await expectLifetime((await patch(path, 0, 'hello').expect(204)).headers['upload-expires'], MINUTE_MS)
    await expectLifetime((await send('head', path).expect(200)).headers['upload-expires'], MINUTE_MS)
  })

  test('EX-05, EX-07: after it, 410; a finished upload stays', async () => {
    await start({ TUS_UPLOAD_EXPIRATION_MODE: 'sliding' })
    const [open, finished] = [await create(), await create()]
    await patch(finished, 0, '0123456789').expect(204)
    await patch(open, 0, 'hello').expect(204)
    await rest(open, MINUTE_MS + 1)
    await send('head', open).expect(410)
    await patch(open, 5, 'world').expect(410)
    expect((await send('head', finished).expect(200)).headers).not.toHaveProperty('upload-expires')
    await send('delete', open).expect(204)
    await send('head', open).expect(404)
  })
})

test('EX-04: absolute expiration is not put off by anything', async () => {
  await start({})
  const path = await create()
  const before = (await send('head', path)).headers['upload-expires']
  await rest(path, 2 * MINUTE_MS)
  expect((await patch(path, 0, 'hello').expect(204)).headers['upload-expires']).toBe(before)
})

test('EX-02: each refusal of a PATCH says when the upload expires', async () => {
  await start({})
  const path = await create()
  const expires = (await send('head', path)).headers['upload-expires']
  for (const refused of [await patch(path, 3, 'x'), await patch(path, 0, 'longer than that')]) {
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(refused.headers['upload-expires']).toBe(expires)
  }
})
