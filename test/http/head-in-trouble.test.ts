import { rename } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TuskerError } from '../../src/core/errors.ts'
import type { Fault } from '../support/s3-test-server/faults.ts'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { type StubApp, startStubApp } from '../support/stub-app.ts'
import { OCTET_STREAM, RawRequest, eventually } from '../support/tus-test-server.ts'

const TUS = { 'Tus-Resumable': '1.0.0' }
const BUCKET = 'uploads'
const ALWAYS = 1_000

interface HeadAnswer {
  readonly status: number
  readonly offset: string | undefined
  readonly retryAfter: number
}

async function ask(
  url: string,
  { headers = TUS, method = 'HEAD' }: { headers?: Record<string, string>; method?: string } = {},
): Promise<HeadAnswer> {
  return await new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      response.resume()
      resolve({
        status: response.statusCode ?? 0,
        offset: response.headers['upload-offset'] as string | undefined,
        retryAfter: Number(response.headers['retry-after']),
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

function expectLater({ status, retryAfter }: HeadAnswer): void {
  expect(status).toBe(423)
  expect(retryAfter).toBeGreaterThan(0)
}

// tus-js-client starts a file again from zero when HEAD answers anything but 2xx or 423.
describe('HEAD of an upload in S3', () => {
  let s3: S3TestServer
  let writer: RunningApp
  let app: RunningApp
  let path: string

  function start(endpoint = s3.endpoint): Promise<RunningApp> {
    return startApp({
      env: {
        STORAGE_LOCATIONS: 's3',
        STORAGE_S3_DRIVER: 's3',
        STORAGE_S3_BUCKET: BUCKET,
        STORAGE_S3_KEY: s3.accessKeyId,
        STORAGE_S3_SECRET: s3.secretAccessKey,
        STORAGE_S3_ENDPOINT: endpoint,
        STORAGE_S3_FORCE_PATH_STYLE: 'true',
        STORAGE_S3_SOCKET_TIMEOUT: '200ms',
        LOCK_TIMEOUT: '200ms',
      },
    })
  }

  beforeAll(async () => {
    s3 = await startS3Server({ buckets: [BUCKET] })
    writer = await start()
  })

  afterAll(async () => {
    await writer.close()
    await s3.close()
  })

  beforeEach(async () => {
    path = await writer.upload('a'.repeat(40), { lengthBytes: 100 })
    // A process that does not remember the upload has to ask S3.
    app = await start()
  })

  afterEach(async () => {
    s3.faults.clear()
    await app.close()
  })

  const FAULTS: readonly (readonly [what: string, fault: Fault])[] = [
    ...(
      [
        [500, 'InternalError'],
        [503, 'SlowDown'],
        [503, 'ServiceUnavailable'],
        [429, 'TooManyRequests'],
        [403, 'AccessDenied'],
        [400, 'ExpiredToken'],
        [404, 'NoSuchBucket'],
        [501, 'NotImplemented'],
        [507, 'InsufficientStorage'],
      ] as const
    ).map(
      ([status, code]) =>
        [`answers ${status} ${code}`, { kind: 'status', status, code } satisfies Fault] as const,
    ),
    ['closes the connection', { kind: 'reset-before-body' }],
    ['loses the answer', { kind: 'answer-lost' }],
    ['breaks off the answer', { kind: 'truncated-answer', afterBytes: 5 }],
    ['says nothing', { kind: 'stall', ms: 60_000 }],
  ]

  test.each(FAULTS)('is 423 while S3 %s, and right as soon as it does not', async (_what, fault) => {
    s3.faults.inject({ fault, times: ALWAYS })
    expectLater(await ask(app.url + path))
    s3.faults.clear()
    expect(await ask(app.url + path)).toMatchObject({ status: 200, offset: '40' })
  })

  test('is 423 while nothing listens where S3 was', async () => {
    const other = await startS3Server({ buckets: [BUCKET] })
    const lost = await start(other.endpoint)
    await other.close()
    expectLater(await ask(lost.url + path))
    await lost.close()
  })

  test('is 423 while another request holds the upload and can not let go', async () => {
    const stall = s3.faults.inject({
      operation: 'PutObject',
      fault: { kind: 'stall', ms: 60_000 },
      times: ALWAYS,
    })
    const patch = await startPatch()
    expectLater(await ask(app.url + path))
    expect(stall.hits).toBeGreaterThan(0)
    s3.faults.clear()
    patch.socket.destroy()
    await eventually(async () => (await ask(app.url + path)).status === 200)
  })

  test('is 200 or 423 if the server shuts down while it waits', async () => {
    const stall = s3.faults.inject({ operation: 'PutObject', fault: { kind: 'stall', ms: 60_000 } })
    const patch = await startPatch()
    patch.socket.end()
    await eventually(() => stall.hits > 0)
    const head = await RawRequest.open({ port: app.port, method: 'HEAD', path, headers: {} })
    await delay(50)
    const stopped = app.stop()
    stall.release()
    expect([200, 423]).toContain(await head.status())
    await stopped
  })

  test('is 423 by the IETF protocol too, which tus-js-client speaks in the same way', async () => {
    s3.faults.inject({ fault: { kind: 'status', status: 503, code: 'SlowDown' }, times: ALWAYS })
    expectLater(await ask(app.url + path, { headers: { 'Upload-Draft-Interop-Version': '6' } }))
  })

  test('without a protocol asks for the file: it gets what a GET gets', async () => {
    s3.faults.inject({ fault: { kind: 'status', status: 503, code: 'SlowDown' }, times: ALWAYS })
    const answers = [
      await ask(app.url + path, { headers: {} }),
      await ask(app.url + path, { headers: {}, method: 'GET' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([503, 503])
  })

  test('without a protocol tells how far an unfinished upload is', async () => {
    expect(await ask(app.url + path, { headers: {} })).toMatchObject({ status: 200, offset: '40' })
  })

  /** A PATCH that goes on where the upload is, and does not end. */
  async function startPatch(): Promise<RawRequest> {
    const headers = { 'Content-Type': OCTET_STREAM, 'Upload-Offset': '40', 'Content-Length': '60' }
    const patch = await RawRequest.open({ port: app.port, method: 'PATCH', path, headers })
    patch.write('b')
    await delay(50)
    return patch
  }
})

test('HEAD of an upload on a disk that is not mounted is 423, and right as soon as it is', async () => {
  const app = await startApp()
  const path = await app.upload('a'.repeat(40), { lengthBytes: 100 })
  const [root, elsewhere] = [join(app.root, 'local'), join(app.root, 'elsewhere')]
  await rename(root, elsewhere)
  expectLater(await ask(app.url + path))
  await rename(elsewhere, root)
  expect(await ask(app.url + path)).toMatchObject({ status: 200, offset: '40' })
  await app.close()
})

describe('HEAD of an upload where something fails before tus is asked', () => {
  let app: StubApp

  beforeEach(async () => {
    app = await startStubApp()
  })

  afterEach(() => app.close())

  const url = (): string => `${app.url}/files/local/${'a'.repeat(32)}`

  test.each([
    new Error('a bug'),
    new TuskerError('ERR_SERVER_SHUTDOWN'),
    new TuskerError('ERR_STORAGE_UNAVAILABLE'),
    Object.assign(new Error('thrown by a middleware'), { status: 503 }),
    Object.assign(new Error('thrown by a middleware'), { status: 500 }),
  ])('is 423 (%s)', async (error) => {
    app.fail(error)
    expectLater(await ask(url()))
    const overridden = { ...TUS, 'X-HTTP-Method-Override': 'HEAD' }
    expectLater(await ask(url(), { method: 'GET', headers: overridden }))
  })

  test.each([404, 410])('is still %i where there is nothing to come back for', async (status) => {
    app.fail(new TuskerError(status === 404 ? 'ERR_UPLOAD_NOT_FOUND' : 'ERR_UPLOAD_EXPIRED'))
    expect((await ask(url())).status).toBe(status)
  })
})
