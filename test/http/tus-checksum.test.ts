import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { crc32 } from 'node:zlib'
import supertest, { type Response, type Test } from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { E2E_BACKENDS, type E2eBackend } from '../support/e2e-backends.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const MIB = 1024 ** 2

const BODY = randomBytes(1000)

const HASHES = ['sha1', 'sha256', 'sha512', 'md5'] as const

function checksumOf(body: Buffer, algorithm: string = 'sha1'): string {
  return `${algorithm} ${createHash(algorithm).update(body).digest('base64')}`
}

function crc32Of(body: Buffer): string {
  const digest = Buffer.alloc(4)
  digest.writeUInt32BE(crc32(body))
  return `crc32 ${digest.toString('base64')}`
}

const WRONG = checksumOf(Buffer.from('something else'))

const MALFORMED = [
  ['sha1', 'ERR_INVALID_CHECKSUM'],
  ['sha1 ', 'ERR_INVALID_CHECKSUM'],
  ['', 'ERR_INVALID_CHECKSUM'],
  ['sha1 not base64!', 'ERR_INVALID_CHECKSUM'],
  ['sha1 AAAA', 'ERR_INVALID_CHECKSUM'],
  [checksumOf(BODY).replace('sha1', 'sha256'), 'ERR_INVALID_CHECKSUM'],
  [`${checksumOf(BODY)}, ${checksumOf(BODY)}`, 'ERR_INVALID_CHECKSUM'],
  [checksumOf(BODY).replace('sha1', 'SHA1'), 'ERR_UNSUPPORTED_CHECKSUM'],
  ['constructor AAAA', 'ERR_UNSUPPORTED_CHECKSUM'],
  ['whirlpool AAAA', 'ERR_UNSUPPORTED_CHECKSUM'],
] as const

describe.each(E2E_BACKENDS)('checksums, with %s', (_name, open) => {
  let backend: E2eBackend
  let app: RunningApp

  beforeAll(async () => {
    backend = await open('')
    app = await startApp({ env: { ...backend.env, STORAGE_S3_TUS__CHUNK_SIZE: '5 MiB' } })
  })

  afterAll(async () => {
    await app.close()
    await backend.close()
  })

  function send(method: 'patch' | 'head' | 'post', path: string): Test {
    return supertest(app.url)[method](path).set('Tus-Resumable', '1.0.0')
  }

  async function create(headers: Record<string, string>): Promise<string> {
    const { headers: answered } = await send('post', '/files').set(headers).expect(201)
    return new URL(answered['location'] ?? '').pathname
  }

  function patch(path: string, body: Buffer, headers: Record<string, string>): Test {
    return send('patch', path)
      .set({ 'Upload-Offset': '0', ...headers })
      .type('application/offset+octet-stream')
      .send(body)
  }

  async function headersOf(path: string): Promise<Record<string, string>> {
    return (await send('head', path).expect(200)).headers
  }

  async function download(path: string): Promise<Buffer> {
    return Buffer.from(await (await fetch(app.url + path)).arrayBuffer())
  }

  const codeOf = ({ body }: Response): unknown => (body as { error: { code: unknown } }).error.code

  test('CH-01, CH-05 to CH-08: OPTIONS tells the extensions and the algorithms, sha1 among them', async () => {
    const { headers } = await supertest(app.url).options('/files').expect(200)
    expect(headers['tus-extension']?.split(',')).toEqual(
      expect.arrayContaining(['checksum', 'checksum-trailer']),
    )
    expect(headers['tus-checksum-algorithm']).toBe('sha1,sha256,sha512,md5,crc32')
  })

  test.each([...HASHES, 'crc32'])('CH-02: a PATCH that matches its %s is stored', async (algorithm) => {
    const path = await create({ 'Upload-Length': '1000' })
    const checksum = algorithm === 'crc32' ? crc32Of(BODY) : checksumOf(BODY, algorithm)
    const { headers } = await patch(path, BODY, { 'Upload-Checksum': checksum }).expect(204)
    expect(headers['upload-offset']).toBe('1000')
    expect((await download(path)).equals(BODY)).toBe(true)
  })

  test.each([100, 1000, 2000])(
    'CH-03, CH-04: a PATCH that does not match is 460 and changes nothing (length %i)',
    async (lengthBytes) => {
      const path = await create({ 'Upload-Length': String(lengthBytes) })
      const stored = BODY.subarray(0, 10)
      const rest = BODY.subarray(10, lengthBytes)
      await patch(path, stored, {}).expect(204)
      const answer = await patch(path, rest, { 'Upload-Offset': '10', 'Upload-Checksum': WRONG })
      expect([answer.status, codeOf(answer)]).toEqual([460, 'ERR_CHECKSUM_MISMATCH'])
      expect((await headersOf(path))['upload-offset']).toBe('10')

      await patch(path, rest, { 'Upload-Offset': '10', 'Upload-Checksum': checksumOf(rest) }).expect(204)
      expect((await headersOf(path))['upload-offset']).toBe(String(Math.min(lengthBytes, 1000)))
    },
  )

  test('CH-04: many parts that do not match leave nothing that counts', async () => {
    const content = randomBytes(18 * MIB)
    const path = await create({ 'Upload-Length': String(content.byteLength) })
    await patch(path, content.subarray(0, 6 * MIB), {
      'Upload-Checksum': checksumOf(content.subarray(0, 6 * MIB)),
    })
    const offset = { 'Upload-Offset': String(6 * MIB) }
    const rest = content.subarray(6 * MIB)
    await patch(path, randomBytes(12 * MIB), { ...offset, 'Upload-Checksum': checksumOf(rest) }).expect(460)
    expect((await headersOf(path))['upload-offset']).toBe(String(6 * MIB))
    await patch(path, rest, { ...offset, 'Upload-Checksum': checksumOf(rest, 'sha256') }).expect(204)
    expect((await download(path)).equals(content)).toBe(true)
  })

  test('CH-03: the reason phrase is that of the protocol', async () => {
    const path = await create({ 'Upload-Length': '1' })
    const lines = patchLines(path, `Upload-Checksum: ${WRONG}`, 'Content-Length: 1')
    const answer = await sendLines(app.port, ...lines, 'x')
    expect(answer).toMatch(/^HTTP\/1\.1 460 Checksum Mismatch\r\n/)
  })

  test.each(MALFORMED)('CH-03, CH-09: Upload-Checksum "%s" is refused: %s', async (checksum, code) => {
    const path = await create({ 'Upload-Length': '1000' })
    const answer = await patch(path, BODY, { 'Upload-Checksum': checksum })
    expect([answer.status, codeOf(answer)]).toEqual([400, code])
    expect((await headersOf(path))['upload-offset']).toBe('0')
  })

  test('CH-10: of a body that is cut off nothing is kept', async () => {
    const path = await create({ 'Upload-Length': '1000' })
    const lines = patchLines(path, `Upload-Checksum: ${checksumOf(BODY)}`, 'Content-Length: 1000')
    const socket = connect(app.port, '127.0.0.1')
    socket.write([...lines, 'only this much'].join('\r\n'))
    // The one that asks has the other let go: what it sent so far cannot be verified.
    expect((await headersOf(path))['upload-offset']).toBe('0')
    socket.destroy()
    await patch(path, BODY, { 'Upload-Checksum': checksumOf(BODY) }).expect(204)
  })

  test('a body that is too long is refused as a whole', async () => {
    const path = await create({ 'Upload-Length': '999' })
    const body = ['3e8', BODY.toString('latin1'), '0', '']
    const lines = patchLines(path, `Upload-Checksum: ${checksumOf(BODY)}`, 'Transfer-Encoding: chunked')
    expect(await sendLines(app.port, ...lines, ...body, '')).toMatch(/^HTTP\/1\.1 413 /)
    expect((await headersOf(path))['upload-offset']).toBe('0')
  })

  test('a length that comes with a body which does not match is not declared', async () => {
    const path = await create({ 'Upload-Defer-Length': '1' })
    await patch(path, BODY, { 'Upload-Length': '1000', 'Upload-Checksum': WRONG }).expect(460)
    expect(await headersOf(path)).toMatchObject({ 'upload-defer-length': '1', 'upload-offset': '0' })
    const tooLong = { 'Upload-Length': '999', 'Upload-Checksum': checksumOf(BODY) }
    await patch(path, BODY, tooLong).expect(413)
    await patch(path, BODY, { 'Upload-Length': '1000', 'Upload-Checksum': checksumOf(BODY) }).expect(204)
    expect(await headersOf(path)).toMatchObject({ 'upload-length': '1000', 'upload-offset': '1000' })
    expect((await download(path)).equals(BODY)).toBe(true)
  })

  test('an empty body has a checksum too', async () => {
    const path = await create({ 'Upload-Length': '10' })
    const nothing = Buffer.alloc(0)
    const { status } = await patch(path, nothing, { 'Upload-Checksum': checksumOf(nothing) })
    const { status: refused } = await patch(path, nothing, { 'Upload-Checksum': WRONG })
    expect([status, refused]).toEqual([204, 460])
  })

  describe('CW-06: with a creation', () => {
    const post = (checksum: string): Test =>
      send('post', '/files')
        .set({ 'Upload-Length': '1000', 'Upload-Checksum': checksum })
        .type('application/offset+octet-stream')
        .send(BODY)

    test('a body that matches is stored', async () => {
      const { headers } = await post(checksumOf(BODY)).expect(201)
      expect(headers['upload-offset']).toBe('1000')
    })

    test.each([
      [WRONG, 460],
      ['sha1', 400],
    ])('"%s" is %i, and there is no upload', async (checksum, status) => {
      const answer = await post(checksum)
      expect([answer.status, answer.headers]).toEqual([
        status,
        expect.not.objectContaining({ location: expect.anything() }),
      ])
    })
  })

  describe('in a trailer', () => {
    const trailing = async (path: string, trailer: string, ...headers: string[]): Promise<string> => {
      const lines = patchLines(path, 'Trailer: Upload-Checksum', 'Transfer-Encoding: chunked', ...headers)
      return await sendLines(
        app.port,
        ...lines,
        '5',
        'hello',
        '0',
        ...(trailer === '' ? [] : [trailer]),
        '',
        '',
      )
    }
    const sha256 = checksumOf(Buffer.from('hello'), 'sha256')

    test('CH-08: a checksum that matches is taken', async () => {
      const path = await create({ 'Upload-Length': '5' })
      expect(await trailing(path, `Upload-Checksum: ${sha256}`)).toMatch(/^HTTP\/1\.1 204 /)
      expect((await download(path)).toString()).toBe('hello')
    })

    test.each([
      [`Upload-Checksum: ${WRONG}`, 460],
      ['Upload-Checksum: nonsense', 400],
      ['', 400],
      ['Another-Trailer: x', 400],
    ])('CH-04, CH-11: "%s" is %i and changes nothing', async (trailer, status) => {
      const path = await create({ 'Upload-Length': '5' })
      expect(await trailing(path, trailer)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
      expect((await headersOf(path))['upload-offset']).toBe('0')
    })

    test('CH-11: a header and a trailer are one too many', async () => {
      const path = await create({ 'Upload-Length': '5' })
      const answer = await trailing(path, `Upload-Checksum: ${sha256}`, `Upload-Checksum: ${sha256}`)
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect((await headersOf(path))['upload-offset']).toBe('0')
    })
  })
})

function patchLines(path: string, ...headers: readonly string[]): string[] {
  return [
    `PATCH ${path} HTTP/1.1`,
    'Host: localhost',
    'Tus-Resumable: 1.0.0',
    'Upload-Offset: 0',
    'Content-Type: application/offset+octet-stream',
    'Connection: close',
    ...headers,
    '',
  ]
}

/** Sends a request as it is written and gives all that comes back. */
async function sendLines(port: number, ...lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(lines.join('\r\n'), 'latin1')
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}
