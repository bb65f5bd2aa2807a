import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RufhClient, pathOf } from '../support/rufh-client.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { sendRequest } from '../support/tus-test-server.ts'

let app: RunningApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app.close())

async function download(path: string): Promise<string> {
  const { status, body } = await sendRequest({ port: app.port, method: 'GET', path, headers: {} }, '')
  return status === 200 ? body : `status ${status}`
}

/** A client of the newest draft. */
function newClient(): RufhClient {
  return new RufhClient({ port: app.port })
}

describe('which protocol a request is of', () => {
  const tus = { 'Tus-Resumable': '1.0.0' }

  test('Tus-Resumable decides, whatever else is there (TUSKit on URLSession)', async () => {
    const headers = { ...tus, 'Upload-Length': '5', 'Upload-Complete': '?1' }
    const created = await newClient().send('POST', '/files', headers, 'hello')
    expect(created.status).toBe(201)
    // Its body is no piece of an upload to tus, which wants another Content-Type.
    expect(created.headers['upload-complete']).toBeUndefined()
    const head = await newClient().send('HEAD', pathOf(created), tus)
    expect(head.status).toBe(200)
    expect(head.headers).toMatchObject({ 'upload-offset': '0', 'upload-length': '5' })
  })

  test('Upload-Complete without a version is the newest draft', async () => {
    const client = new RufhClient({ port: app.port, isUnversioned: true })
    const path = await client.begin('hello ')
    const answer = await client.append(path, { at: 6, isLast: true, body: 'world' })
    expect(answer.status).toBe(201)
    expect(answer.headers['upload-complete']).toBe('?1')
    expect(await download(path)).toBe('hello world')
  })

  test.each(['2', '10', '99', 'x', ''])(
    'the unknown version "%s" is served as the newest draft',
    async (version) => {
      const client = new RufhClient({ port: app.port, isUnversioned: true })
      const headers = { 'Upload-Draft-Interop-Version': version }
      const path = pathOf(await client.create(false, 'hello', headers))
      expect((await client.send('HEAD', path, headers)).headers['upload-complete']).toBe('?0')
      expect((await client.append(path, { at: 5, isLast: true, headers })).status).toBe(201)
      expect((await client.send('DELETE', path, headers)).status).toBe(204)
    },
  )

  test.each(['POST', 'PATCH', 'DELETE'])('%s of neither is 412, as ever', async (method) => {
    const path = method === 'POST' ? '/files' : await newClient().begin('hello')
    const answer = await sendRequest({ port: app.port, method, path, headers: {} }, '')
    expect(answer.status).toBe(412)
    expect(answer.headers['tus-version']).toBe('1.0.0')
  })

  test('HEAD of neither is answered in the words of both', async () => {
    const path = await newClient().begin('hello', { 'Upload-Length': '11', 'Content-Type': 'text/plain' })
    const answer = await sendRequest({ port: app.port, method: 'HEAD', path, headers: {} }, '')
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({
      'tus-resumable': '1.0.0',
      'upload-offset': '5',
      'upload-length': '11',
      'upload-metadata': `filetype ${Buffer.from('text/plain').toString('base64')}`,
      'upload-complete': '?0',
      'upload-limit': expect.stringMatching(/^max-age=\d+$/),
      'cache-control': 'no-store',
    })
  })

  test('Upload-Metadata, which tus-js-client sends in this protocol too, is kept as in tus', async () => {
    const metadata = 'filename YS50eHQ=,binary //4A'
    const path = await newClient().begin('hello', {
      'Content-Type': 'application/offset+octet-stream',
      'Upload-Metadata': metadata,
    })
    const { headers } = await sendRequest({ port: app.port, method: 'HEAD', path, headers: {} }, '')
    expect(headers['upload-metadata']).toBe(metadata)
    const refused = await newClient().create(true, 'hello', { 'Upload-Metadata': 'a YQ' })
    expect([refused.status, refused.body]).toEqual([400, expect.stringContaining('ERR_INVALID_METADATA')])
  })

  test('X-HTTP-Method-Override is the method here too', async () => {
    const client = newClient()
    const path = await client.begin('hello')
    const headers = { ...client.appendHeaders(5, true), 'X-HTTP-Method-Override': 'PATCH' }
    expect((await client.send('POST', path, headers)).status).toBe(201)
    expect(await client.state(path)).toEqual({ offset: '5', isComplete: true })
  })

  test.each([
    ['PUT', '/files'],
    ['PUT', `/files/local/${'a'.repeat(32)}`],
    ['PATCH', '/files'],
    ['POST', `/files/local/${'a'.repeat(32)}`],
  ])('%s %s is 405', async (method, path) => {
    const answer = await newClient().send(method, path, { 'Upload-Complete': '?1' })
    expect(answer.status).toBe(405)
    expect(answer.headers.allow).toEqual(expect.any(String))
  })
})

describe('values of the fields (R-03)', () => {
  test.each(['-1', '1.5', '"5"', 'five', '0x5', '5, 5', '5;', '1000000000000000', '?1', '', ';a=1'])(
    'Upload-Offset: %s is as good as none: 400, and nothing is stored',
    async (value) => {
      const client = newClient()
      const path = await client.begin('hello')
      const headers = { 'Upload-Offset': value }
      const answer = await client.append(path, { at: 5, isLast: true, body: '!', headers })
      expect(answer.status).toBe(400)
      expect(answer.headers['upload-complete']).toBe('?0')
      expect(await client.state(path)).toEqual({ offset: '5', isComplete: false })
    },
  )

  test.each(['5', '005', ' 5 ', '5;a', '5; a=1; b="x;y"; c=?0; d=tok/en; e=:YQ==:; f=1.5'])(
    'Upload-Offset: %s is 5',
    async (value) => {
      const client = newClient()
      const path = await client.begin('hello')
      const answer = await client.append(path, { at: 5, isLast: true, headers: { 'Upload-Offset': value } })
      expect(answer.status).toBe(201)
    },
  )

  test.each(['-1', '1.5', 'ten', '5, 5', ''])('Upload-Length: %s is ignored', async (value) => {
    const client = newClient()
    const path = await client.begin('hello', { 'Upload-Length': value })
    expect((await client.head(path)).headers['upload-length']).toBeUndefined()
  })

  test.each(['?2', '1', 'true', '?1, ?1', '?'])('Upload-Complete: %s creates nothing', async (value) => {
    const answer = await newClient().send('POST', '/files', { 'Upload-Complete': value }, 'hello')
    expect(answer.status).toBe(400)
    expect(answer.headers.location).toBeUndefined()
  })
})

describe('what the headers of a creation tell of the file', () => {
  async function headersOf(sent: Record<string, string>): Promise<Record<string, unknown>> {
    const path = pathOf(await newClient().create(true, 'hello', sent))
    return (await sendRequest({ port: app.port, method: 'GET', path, headers: {} }, '')).headers
  }

  test.each([
    ['inline; filename="file name.jpg"', 'filename="file name.jpg"'],
    [
      `attachment; filename="x.jpg"; filename*=UTF-8''%e2%82%ac%20rates.jpg`,
      "filename*=UTF-8''%E2%82%AC%20rates.jpg",
    ],
    ['inline; filename="../../etc/passwd"', 'filename="passwd"'],
  ])('Content-Disposition: %s', async (sent, got) => {
    expect((await headersOf({ 'Content-Disposition': sent }))['content-disposition']).toContain(got)
  })

  test.each(['inline', 'inline; filename', ';;;', '"', "attachment; filename*=UTF-8''%zz"])(
    'Content-Disposition: %s has no name, and is no reason to refuse the file',
    async (sent) => {
      expect((await headersOf({ 'Content-Disposition': sent }))['content-disposition']).toBe('attachment')
    },
  )

  test('Content-Type is that of the file', async () => {
    expect((await headersOf({ 'Content-Type': 'image/png' }))['content-type']).toBe('image/png')
  })

  test.each([
    'application/partial-upload',
    'Application/Partial-Upload; a=b',
    'application/offset+octet-stream',
  ])('Content-Type: %s is not', async (type) => {
    expect((await headersOf({ 'Content-Type': type }))['content-type']).toBe('application/octet-stream')
  })

  test('R-36: a coded file is refused, since its coding would be lost', async () => {
    const answer = await newClient().create(true, 'hello', { 'Content-Encoding': 'gzip' })
    expect(answer.status).toBe(415)
    expect(answer.headers['accept-encoding']).toBe('identity')
    expect(answer.headers.location).toBeUndefined()
  })
})
