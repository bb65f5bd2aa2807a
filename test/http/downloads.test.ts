import { randomBytes } from 'node:crypto'
import { readdir, readlink, rm, truncate, utimes } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import supertest, { type Response } from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApp, sendRaw, startApp } from '../support/start-app.ts'

const TEXT = '0123456789abcdef'

let app: RunningApp
let path: string
let whole: Response

beforeAll(async () => {
  app = await startApp()
  path = await app.upload(TEXT, { metadata: { filename: 'report.bin', filetype: 'application/x-report' } })
  whole = await download(path)
})

afterAll(() => app.close())

function download(from: string, headers: Record<string, string> = {}): Promise<Response> {
  return supertest(app.url).get(from).set(headers).buffer(true).parse(collect)
}

/** The body as it is, whatever its type. */
function collect(response: Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  response.on('end', () => done(null, Buffer.concat(chunks)))
}

/** Where the local driver keeps it. */
function fileOf(uploadPath: string): string {
  return join(app.root, 'local', uploadPath.split('/').at(-1) ?? '')
}

function bodyOf(response: Response): string {
  return (response.body as Buffer).toString()
}

function errorOf(response: Response): string {
  return (JSON.parse(bodyOf(response)) as { error: { code: string } }).error.code
}

describe('GET of a finished upload', () => {
  test('gives the bytes, their length and type, and a name to save them under', () => {
    expect(whole.status).toBe(200)
    expect(bodyOf(whole)).toBe(TEXT)
    expect(whole.headers).toMatchObject({
      'content-length': '16',
      'content-type': 'application/x-report',
      'content-disposition': 'attachment; filename="report.bin"',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
    })
  })

  test('is never a page of this origin: nosniff, sandbox, no embedding elsewhere', () => {
    expect(whole.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'same-origin',
    })
  })

  test('gives megabytes unharmed', async () => {
    const bytes = randomBytes(3 * 1024 ** 2 + 1)
    const response = await download(await app.upload(bytes))
    expect(Buffer.compare(response.body as Buffer, bytes)).toBe(0)
  })

  test('gives a file of no bytes', async () => {
    const response = await download(await app.upload(''))
    expect(response.status).toBe(200)
    expect(response.headers['content-length']).toBe('0')
    expect(bodyOf(response)).toBe('')
  })

  test('without metadata it is of an unknown type and has no name', async () => {
    const response = await download(await app.upload(TEXT))
    expect(response.headers['content-type']).toBe('application/octet-stream')
    expect(response.headers['content-disposition']).toBe('attachment')
  })

  test('two at once are both served: downloads take no lock', async () => {
    const [first, second] = await Promise.all([download(path), download(path)])
    expect(bodyOf(first) + bodyOf(second)).toBe(TEXT + TEXT)
  })

  test('of an unfinished upload is 404 ERR_UPLOAD_INCOMPLETE', async () => {
    const response = await download(await app.upload('half', { lengthBytes: 8 }))
    expect(response.status).toBe(404)
    expect(errorOf(response)).toBe('ERR_UPLOAD_INCOMPLETE')
    expect(response.headers['content-disposition']).toBeUndefined()
  })

  test('of an unknown upload is 404 ERR_UPLOAD_NOT_FOUND', async () => {
    const response = await download(`/files/local/${'0'.repeat(32)}`)
    expect(response.status).toBe(404)
    expect(errorOf(response)).toBe('ERR_UPLOAD_NOT_FOUND')
  })

  test('of a deleted upload is 404', async () => {
    const deleted = await app.upload(TEXT)
    await supertest(app.url).delete(deleted).set('Tus-Resumable', '1.0.0').expect(204)
    expect((await download(deleted)).status).toBe(404)
  })

  test('that is running when the upload is deleted comes whole', async () => {
    const bytes = randomBytes(8 * 1024 ** 2)
    const large = await app.upload(bytes)
    const chunks: Buffer[] = []
    await new Promise<void>((resolve, reject) => {
      get(app.url + large, (response) => {
        response.once('readable', () => {
          supertest(app.url)
            .delete(large)
            .set('Tus-Resumable', '1.0.0')
            .expect(204)
            .then(() => response.on('data', (chunk: Buffer) => chunks.push(chunk)), reject)
        })
        response.once('end', resolve).once('error', reject)
      }).once('error', reject)
    })
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
    expect((await download(large)).status).toBe(404)
  })

  test('a client that leaves in the middle leaves no open file behind', async () => {
    const large = await app.upload(randomBytes(8 * 1024 ** 2))
    const filesBefore = await openFiles()
    await new Promise<void>((resolve) => {
      const request = get(app.url + large, (response) => {
        response.once('data', () => request.destroy())
        response.once('close', () => resolve())
        response.on('error', () => undefined)
      })
      request.on('error', () => undefined)
    })
    await expect.poll(openFiles).toBe(filesBefore)
    expect(app.logs.filter(({ level }) => Number(level) >= 50)).toEqual([])
  })

  async function openFiles(): Promise<number> {
    const names = await readdir('/proc/self/fd')
    const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
    return targets.filter((target) => target.startsWith(app.root)).length
  }
})

describe('HEAD of a finished upload', () => {
  test('without Tus-Resumable tells of the file and of the upload, and is not to be cached', async () => {
    const response = await supertest(app.url).head(path)
    expect(response.status).toBe(200)
    expect(response.headers).toMatchObject({
      'content-length': '16',
      'content-type': 'application/x-report',
      'upload-offset': '16',
      'upload-length': '16',
      'cache-control': 'no-store',
      etag: whole.headers['etag'],
    })
  })

  test('with Tus-Resumable it is the one of tus', async () => {
    const response = await supertest(app.url).head(path).set('Tus-Resumable', '1.0.0')
    expect(response.headers).toMatchObject({ 'upload-offset': '16', 'cache-control': 'no-store' })
    expect(response.headers['content-disposition']).toBeUndefined()
  })

  test('ignores Range', async () => {
    const response = await supertest(app.url).head(path).set('Range', 'bytes=0-1')
    expect(response.status).toBe(200)
    expect(response.headers['content-length']).toBe('16')
  })

  test('of an unfinished one tells how far it is', async () => {
    const response = await supertest(app.url).head(await app.upload('half', { lengthBytes: 8 }))
    expect(response.status).toBe(200)
    expect(response.headers).toMatchObject({ 'upload-offset': '4', 'upload-length': '8' })
  })
})

describe('Range', () => {
  test.each([
    ['bytes=0-3', 'bytes 0-3/16', '0123'],
    ['bytes=4-4', 'bytes 4-4/16', '4'],
    ['bytes=10-', 'bytes 10-15/16', 'abcdef'],
    ['bytes=14-999', 'bytes 14-15/16', 'ef'],
    ['bytes=-3', 'bytes 13-15/16', 'def'],
    ['bytes=-999', 'bytes 0-15/16', TEXT],
    ['BYTES=0-0', 'bytes 0-0/16', '0'],
  ])('%s gives %s', async (range, contentRange, bytes) => {
    const response = await download(path, { Range: range })
    expect(response.status).toBe(206)
    expect(response.headers['content-range']).toBe(contentRange)
    expect(response.headers['content-length']).toBe(String(bytes.length))
    expect(bodyOf(response)).toBe(bytes)
  })

  test.each(['bytes=16-', 'bytes=99-100', 'bytes=-0'])('%s is outside of the file: 416', async (range) => {
    const response = await download(path, { Range: range })
    expect(response.status).toBe(416)
    expect(response.headers['content-range']).toBe('bytes */16')
    expect(errorOf(response)).toBe('ERR_RANGE_NOT_SATISFIABLE')
  })

  test.each(['bytes=0-1,4-5', 'bytes=5-2', 'bytes=a-b', 'bytes=-', 'bytes', 'lines=0-1', 'bytes=0-1-2'])(
    '%s is malformed or more than one range: the whole file, as RFC 9110 allows',
    async (range) => {
      const response = await download(path, { Range: range })
      expect(response.status).toBe(200)
      expect(bodyOf(response)).toBe(TEXT)
    },
  )

  test('of an empty file is outside of it', async () => {
    const response = await download(await app.upload(''), { Range: 'bytes=0-' })
    expect(response.status).toBe(416)
    expect(response.headers['content-range']).toBe('bytes */0')
  })
})

describe('conditional requests', () => {
  const LONG_AGO = 'Sat, 01 Jan 2000 00:00:00 GMT'
  const COMING = 'Fri, 01 Jan 2100 00:00:00 GMT'

  test('Last-Modified is when the file was completed, in HTTP form', () => {
    expect(Math.abs(Date.parse(whole.headers['last-modified'] ?? '') - Date.now())).toBeLessThan(60_000)
    expect(whole.headers['last-modified']).toMatch(/GMT$/)
    expect(whole.headers['etag']).toMatch(/^"[^"]+"$/)
  })

  test.each([
    ['its ETag', () => whole.headers['etag'] ?? ''],
    ['its ETag, weakened by a proxy', () => `W/${whole.headers['etag']}`],
    ['its ETag among others', () => `"x", ${whole.headers['etag']}`],
    ['*', () => '*'],
  ])('If-None-Match with %s: 304 without a body', async (_what, etag) => {
    const response = await download(path, { 'If-None-Match': etag() })
    expect(response.status).toBe(304)
    expect(bodyOf(response)).toBe('')
    expect(response.headers).toMatchObject({
      etag: whole.headers['etag'],
      'cache-control': 'private, no-cache',
    })
  })

  test('If-None-Match with another ETag gives the file, whatever If-Modified-Since says', async () => {
    const response = await download(path, { 'If-None-Match': '"x"', 'If-Modified-Since': COMING })
    expect(response.status).toBe(200)
  })

  test.each([
    [COMING, 304],
    [LONG_AGO, 200],
    ['yesterday', 200],
  ])('If-Modified-Since %s: %i', async (date, status) => {
    expect((await download(path, { 'If-Modified-Since': date })).status).toBe(status)
  })

  test.each([
    ['If-Match', 'another ETag', 412, () => '"x"'],
    ['If-Match', 'a weak ETag', 412, () => `W/${whole.headers['etag']}`],
    ['If-Match', 'its ETag', 200, () => whole.headers['etag'] ?? ''],
    ['If-Match', '*', 200, () => '*'],
    ['If-Unmodified-Since', 'a date before', 412, () => LONG_AGO],
    ['If-Unmodified-Since', 'its Last-Modified', 200, () => whole.headers['last-modified'] ?? ''],
    ['If-Unmodified-Since', 'no date', 200, () => 'yesterday'],
  ])('%s with %s: %i', async (name, _what, status, value) => {
    const response = await download(path, { [name]: value() })
    expect(response.status).toBe(status)
    expect(bodyOf(response)).toContain(status === 412 ? 'ERR_PRECONDITION_FAILED' : TEXT)
  })

  test.each([
    ['its ETag', 206, () => whole.headers['etag'] ?? ''],
    ['another ETag', 200, () => '"x"'],
    ['a weak ETag', 200, () => `W/${whole.headers['etag']}`],
    ['its Last-Modified', 206, () => whole.headers['last-modified'] ?? ''],
    ['another date', 200, () => LONG_AGO],
  ])('If-Range with %s: %i', async (_what, status, value) => {
    const response = await download(path, { Range: 'bytes=0-3', 'If-Range': value() })
    expect(response.status).toBe(status)
  })

  test('a file that was changed behind our back has another ETag', async () => {
    const changed = await app.upload(TEXT)
    const { etag } = (await download(changed)).headers
    await utimes(fileOf(changed), 1, 1)
    expect((await download(changed)).headers['etag']).not.toBe(etag)
  })
})

describe('names and types that clients made up', () => {
  test.each([
    ['a "quoted" name.txt', 'attachment; filename="a \\"quoted\\" name.txt"'],
    ['line\r\nX-Evil: 1.txt', 'attachment; filename="line__X-Evil: 1.txt"'],
    ['../../etc/passwd', 'attachment; filename="passwd"'],
    ['C:\\temp\\a.txt', 'attachment; filename="a.txt"'],
    ['отчёт.pdf', `attachment; filename="?????.pdf"; filename*=UTF-8''${encodeURIComponent('отчёт.pdf')}`],
    ['über.txt', `attachment; filename="?ber.txt"; filename*=UTF-8''%C3%BCber.txt`],
    ['50%41.txt', `attachment; filename="50%41.txt"; filename*=UTF-8''50%2541.txt`],
    ['exe.\u202Egpj', 'attachment; filename="exe._gpj"'],
    ['', 'attachment'],
    ['..', 'attachment; filename=".."'],
    [
      `${'x'.repeat(254)}😀`,
      `attachment; filename="${'x'.repeat(254)}?"; filename*=UTF-8''${'x'.repeat(254)}%EF%BF%BD`,
    ],
  ])('%j is saved under a harmless name', async (filename, expected) => {
    const response = await download(await app.upload(TEXT, { metadata: { filename } }))
    expect(response.status).toBe(200)
    expect(response.headers['content-disposition']).toBe(expected)
    expect(response.headers['x-evil']).toBeUndefined()
  })

  test('bytes that are no UTF-8 are no reason to fail', async () => {
    const created = await supertest(app.url)
      .post('/files')
      .set({
        'Tus-Resumable': '1.0.0',
        'Upload-Length': '0',
        'Upload-Metadata': `filename ${Buffer.from([0xff, 0xed, 0xa0, 0x80]).toString('base64')}`,
      })
    const { pathname } = new URL(created.headers['location'] ?? '')
    expect((await download(pathname)).status).toBe(200)
  })

  test.each([
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8', 'inline'],
    ['IMAGE/PNG', 'image/png', 'inline'],
    ['audio/ogg; codecs=opus', 'audio/ogg; codecs=opus', 'inline'],
    ['application/pdf', 'application/pdf', 'attachment'],
    ['text/html', 'application/octet-stream', 'attachment'],
    ['image/svg+xml', 'application/octet-stream', 'attachment'],
    ['text/javascript', 'application/octet-stream', 'attachment'],
    ['application/xhtml+xml', 'application/octet-stream', 'attachment'],
    ['image/png\r\nX-Evil: 1', 'application/octet-stream', 'attachment'],
    ['image/png, text/html', 'application/octet-stream', 'attachment'],
    ['image/png; a=1; a=2', 'application/octet-stream', 'attachment'],
    ['image', 'application/octet-stream', 'attachment'],
    ['', 'application/octet-stream', 'attachment'],
  ])('the type %j is sent as %s, %s', async (filetype, type, disposition) => {
    const response = await download(await app.upload(TEXT, { metadata: { filetype } }))
    expect(response.status).toBe(200)
    expect(response.headers['content-type']).toBe(type)
    expect(response.headers['content-disposition']).toBe(disposition)
  })
})

describe('faults', () => {
  test('a file that turns out shorter than promised breaks the connection instead of leaving the client waiting', async () => {
    const shortened = await app.upload(randomBytes(16 * 1024 ** 2))
    const end = new Promise((resolve) => {
      get(app.url + shortened, (response) => {
        response.on('error', () => resolve('broken'))
        response.on('end', () => resolve('ended'))
        // Not read until the file is cut: more of it is to come than the sockets can hold.
        void truncate(fileOf(shortened), 1000).then(() => response.resume())
      })
    })
    expect(await end).toBe('broken')
    expect(app.logs).toContainEqual(
      expect.objectContaining({
        level: 50,
        err: expect.objectContaining({ code: 'ERR_UPLOAD_DAMAGED' }) as object,
      }),
    )
  })

  test('an object that vanished is a 404 and does not crash the server', async () => {
    const vanished = await app.upload(TEXT)
    await rm(fileOf(vanished))
    expect((await download(vanished)).status).toBe(404)
    expect((await download(path)).status).toBe(200)
  })
})

describe('with DOWNLOADS_ENABLED=false', () => {
  let closed: RunningApp
  beforeAll(async () => {
    closed = await startApp({ env: { DOWNLOADS_ENABLED: 'false' } })
  })
  afterAll(() => closed.close())

  test('GET is 405 and Allow does not name it', async () => {
    const response = await supertest(closed.url).get(await closed.upload(TEXT))
    expect(response.status).toBe(405)
    expect(response.headers['allow']).toBe('HEAD, PATCH, DELETE, OPTIONS')
  })

  test('HEAD still tells that the upload is finished', async () => {
    const response = await supertest(closed.url).head(await closed.upload(TEXT))
    expect(response.headers['upload-offset']).toBe('16')
  })
})

test('a traversal in the path never gets to a file', async () => {
  for (const target of [
    '/files/local/../../etc/passwd',
    '/files/local/..%2f..%2fetc%2fpasswd',
    '/files/%2e%2e/x',
  ]) {
    const answer = await sendRaw(app.port, `GET ${target} HTTP/1.1`, 'Host: localhost')
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
  }
})
