import { request } from 'node:http'
import supertest, { type Test } from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { E2E_BACKENDS, type E2eBackend } from '../support/e2e-backends.ts'
import { type RunningApp, sendRaw, startApp } from '../support/start-app.ts'

const SIXTEEN_MIB = 16 * 1024 ** 2

const base64 = (bytes: Buffer | string): string => Buffer.from(bytes).toString('base64')

/** As it came in, and as it has to go out again. */
const KEPT = [
  ['values that are not UTF-8', `binary ${base64(Buffer.from([0xff, 0xfe, 0, 0x80]))},text ${base64('ü')}`],
  ['keys without values, with and without the space', 'a,b ,c YQ=='],
  ['keys that objects have', 'constructor YQ==,toString Yg==,__proto__ Yw==,hasOwnProperty'],
  ['spaces around commas', 'a YQ== ,  b Yg=='],
  ['4 KiB', `large ${base64('x'.repeat(3066))}`],
  ['8 KiB', `large ${base64('x'.repeat(6138))}`.padEnd(8192, ' ')],
  ['1,000 keys', Array.from({ length: 1000 }, (_, index) => `k${index}`).join(',')],
  ['a file name for headers and paths', `filename ${base64('..\\../evil\r\nSet-Cookie: a=b;"\0.html')}`],
] as const

const REFUSED = [
  ['more than 8 KiB', `large ${base64('x'.repeat(6144))}`, '8192 bytes'],
  ['more than 1,000 keys', Array.from({ length: 1001 }, (_, index) => `k${index}`).join(','), '1000 keys'],
] as const

describe.each(E2E_BACKENDS)('Upload-Metadata, with %s', (_name, open) => {
  let backend: E2eBackend
  let app: RunningApp

  beforeAll(async () => {
    backend = await open('')
    app = await startApp({ env: backend.env })
  })

  afterAll(async () => {
    await app.close()
    await backend.close()
  })

  const post = (metadata: string, lengthBytes = 5): Test =>
    supertest(app.url)
      .post('/files')
      .set({ 'Tus-Resumable': '1.0.0', 'Upload-Length': String(lengthBytes), 'Upload-Metadata': metadata })

  test.each(KEPT)('CR-11: %s come back byte for byte, before and after the end', async (_what, metadata) => {
    const { headers } = await post(metadata).expect(201)
    const path = new URL(headers['location'] ?? '').pathname
    expect(await metadataOf(app.port, path)).toBe(metadata.trim())
    await supertest(app.url)
      .patch(path)
      .set({ 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0' })
      .type('application/offset+octet-stream')
      .send(Buffer.from('hello'))
      .expect(204)
    expect(await metadataOf(app.port, path)).toBe(metadata.trim())
    expect((await supertest(app.url).get(path).expect(200)).headers).not.toHaveProperty('set-cookie')
  })

  test('CR-11: so does that of an upload that came whole with its creation', async () => {
    const metadata = `binary ${base64(Buffer.from([0xff, 0xfe]))}, filename ${base64('日本.txt')}`
    const { headers } = await post(metadata).type('application/offset+octet-stream').send('hello').expect(201)
    expect(await metadataOf(app.port, new URL(headers['location'] ?? '').pathname)).toBe(metadata)
  })

  test.each(REFUSED)('%s are refused, and the limit is named', async (_what, metadata, limit) => {
    const { status, body, headers } = await post(metadata)
    expect([status, body]).toMatchObject([431, { error: { code: 'ERR_METADATA_TOO_LARGE' } }])
    expect(JSON.stringify(body)).toContain(limit)
    expect(headers).not.toHaveProperty('location')
  })
})

describe('a request that Node cannot read', () => {
  let app: RunningApp

  beforeAll(async () => {
    app = await startApp()
  })

  afterAll(() => app.close())

  test.each([
    [
      'headers of more than 64 KiB',
      ['POST /files HTTP/1.1', 'Host: a', `Upload-Metadata: ${'x'.repeat(70_000)}`],
      431,
    ],
    ['a header that is none', ['POST /files HTTP/1.1', 'Host: a', 'no header'], 400],
    [
      'Content-Length and Transfer-Encoding',
      ['POST /files HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked'],
      400,
    ],
  ] as const)('C-05: %s: is answered like any other error', async (_what, lines, status) => {
    const answer = await sendRaw(app.port, ...lines)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toContain('\r\nTus-Resumable: 1.0.0\r\n')
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({
      error: { code: status === 431 ? 'ERR_HEADERS_TOO_LARGE' : 'ERR_BAD_REQUEST' },
    })
  })
})

/** As it is on the wire: supertest's parser takes no more than 16 KiB of headers, which is enough, but trims them. */
async function metadataOf(port: number, path: string): Promise<string | undefined> {
  return await new Promise((resolve, reject) => {
    const headers = { 'Tus-Resumable': '1.0.0' }
    const options = { port, path, headers, method: 'HEAD', maxHeaderSize: SIXTEEN_MIB }
    const asking = request(options, (response) => {
      response.resume()
      resolve(response.headers['upload-metadata'] as string | undefined)
    })
    asking.once('error', reject).end()
  })
}
