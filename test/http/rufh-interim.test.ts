import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RUFH_BACKENDS, type RufhBackend, openLocal, openS3 } from '../support/rufh-backends.ts'
import { CLIENT_DIALECTS, RufhClient, responsesIn } from '../support/rufh-client.ts'
import { type RawRequest, eventually, sendRequest } from '../support/tus-test-server.ts'

const MIB = 1024 ** 2
const INFORMATIONAL = { RUFH_INFORMATIONAL: 'on' }

type Response = ReturnType<typeof responsesIn>[number]

/** Waits for so many responses, interim ones counted. */
async function responses(request: RawRequest, count: number): Promise<Response[]> {
  await eventually(() => responsesIn(request.received).length >= count)
  return responsesIn(request.received)
}

function interimIn(request: RawRequest): Response[] {
  return responsesIn(request.received).filter(({ status }) => status === 104)
}

describe.each(RUFH_BACKENDS)('104 responses over %s', (_name, open) => {
  let backend: RufhBackend
  let client: RufhClient

  beforeAll(async () => {
    backend = await open(INFORMATIONAL)
    client = new RufhClient({ port: backend.app.port })
  })

  afterAll(() => backend.close())

  test.each(CLIENT_DIALECTS)(
    'R-12, R-13, R-18, R-35: interop $version learns where the upload is while it sends',
    async (dialect) => {
      const known = new RufhClient({ port: backend.app.port, dialect })
      const headers = { ...dialect.completes(true), 'Content-Length': '10' }
      const request = await known.raw('POST', '/files', headers)
      request.write('hello')
      const [interim] = await responses(request, 1)
      expect(interim).toEqual({
        status: 104,
        headers: {
          'upload-draft-interop-version': String(dialect.version),
          location: expect.stringMatching(/^http:\/\/localhost\/files\/\w+\/[0-9a-f]{32}$/),
          'upload-limit': expect.stringMatching(new RegExp(`^${dialect.ageKey}=\\d+$`)),
        },
      })
      request.write('world')
      const final = (await responses(request, 2)).at(-1)
      expect(final?.status).toBe(201)
      expect(final?.headers['location']).toBe(interim?.headers['location'])
      request.socket.destroy()
    },
  )

  test('what a 104 tells of is there: a creation that is cut at once can be resumed', async () => {
    const request = await client.raw('POST', '/files', { 'Upload-Complete': '?1', 'Content-Length': '10' })
    const [interim] = await responses(request, 1)
    const id = interim?.headers['location']?.slice(-32) ?? ''
    expect(await backend.names()).toContain(`${id}.info`)
    request.socket.resetAndDestroy()
    const path = new URL(interim?.headers['location'] ?? '').pathname
    expect(await client.state(path)).toEqual({ offset: '0', isComplete: false })
    expect((await client.append(path, { at: 0, isLast: true, body: 'helloworld' })).status).toBe(201)
  })

  test('R-17: a long creation gets its progress, of bytes that are stored, and without Location', async () => {
    const sizeBytes = 48 * MIB
    const headers = { 'Upload-Complete': '?1', 'Content-Length': String(sizeBytes) }
    const request = await client.raw('POST', '/files', headers)
    request.write(Buffer.alloc(40 * MIB))
    const [first, progress] = await responses(request, 2)
    expect(progress).toEqual({
      status: 104,
      headers: { 'upload-draft-interop-version': '9', 'upload-offset': expect.stringMatching(/^\d+$/) },
    })
    const toldBytes = Number(progress?.headers['upload-offset'])
    expect(toldBytes).toBeGreaterThan(0)
    request.socket.resetAndDestroy()
    const { offset } = await client.state(new URL(first?.headers['location'] ?? '').pathname)
    expect(Number(offset)).toBeGreaterThanOrEqual(toldBytes)
  })

  test('R-29: a long append gets it too, counted from the start of the upload', async () => {
    const path = await client.begin('hello')
    const headers = { ...client.appendHeaders(5, true), 'Content-Length': String(48 * MIB) }
    const request = await client.raw('PATCH', path, headers)
    request.write(Buffer.alloc(48 * MIB))
    await eventually(() => responsesIn(request.received).some(({ status }) => status === 201))
    const [progress, ...more] = interimIn(request)
    expect(progress?.headers['location']).toBeUndefined()
    expect(Number(progress?.headers['upload-offset'])).toBeGreaterThan(5)
    // No more than one a second.
    expect(more.length).toBeLessThan(10)
    request.socket.destroy()
    expect(await client.state(path)).toEqual({ offset: String(48 * MIB + 5), isComplete: true })
  })

  test('R-34: 100 (Continue) is sent as well', async () => {
    const headers = { 'Upload-Complete': '?1', 'Content-Length': '5', Expect: '100-continue' }
    const request = await client.raw('POST', '/files', headers)
    expect((await responses(request, 2)).map(({ status }) => status)).toEqual([104, 100])
    request.write('hello')
    expect((await responses(request, 3)).at(-1)?.status).toBe(201)
    request.socket.destroy()
  })

  test.each([
    ['no version', {}],
    ['an unknown version', { 'Upload-Draft-Interop-Version': '10' }],
    ['no Integer for a version', { 'Upload-Draft-Interop-Version': '"9"' }],
  ])('R-35: %s, no 104', async (_what, headers) => {
    const other = new RufhClient({ port: backend.app.port, isUnversioned: true })
    expect(await statusesOfCreation(other, headers)).toEqual([201])
  })

  test('a refused creation gets none', async () => {
    expect(await statusesOfCreation(client, { 'Upload-Length': '7' })).toEqual([400])
  })

  test('a client of HTTP/1.0 gets none: it would take it for the answer (RFC 9110, 15.2)', async () => {
    const socket = connect(backend.app.port, '127.0.0.1')
    let received = ''
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
    socket.write(
      'POST /files HTTP/1.0\r\nHost: localhost\r\nUpload-Draft-Interop-Version: 9\r\nUpload-Complete: ?1\r\nContent-Length: 5\r\n\r\nhello',
    )
    await eventually(() => received.includes('\r\n\r\n'))
    expect(received).toMatch(/^HTTP\/1\.1 201 /)
    socket.destroy()
  })
})

async function statusesOfCreation(client: RufhClient, headers: Record<string, string>): Promise<number[]> {
  const request = await client.raw('POST', '/files', {
    'Upload-Complete': '?1',
    'Content-Length': '5',
    Connection: 'close',
    ...headers,
  })
  request.write('hello')
  await request.closed()
  return responsesIn(request.received).map(({ status }) => status)
}

describe('RUFH_INFORMATIONAL', () => {
  test('off, the default: no 104 is sent, since not every proxy passes them on', async () => {
    const backend = await openLocal()
    const client = new RufhClient({ port: backend.app.port })
    expect(await statusesOfCreation(client, {})).toEqual([201])
    await backend.close()
  })

  test('on: tus gets none all the same', async () => {
    const backend = await openLocal(INFORMATIONAL)
    const client = new RufhClient({ port: backend.app.port })
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': '5' }
    expect(await statusesOfCreation(client, headers)).toEqual([201])
    await backend.close()
  })

  test('off, a small file is one request to S3; on, its record is written before it is told of', async () => {
    for (const [env, operations] of [
      [{}, ['PutObject']],
      [INFORMATIONAL, ['PutObject', 'PutObject']],
    ] as const) {
      const backend = await openS3(env)
      const client = new RufhClient({ port: backend.app.port })
      // Whatever the location is asked when it is opened is none of this upload.
      await client.create(true, 'first')
      backend.s3.clearRequests()
      expect((await client.create(true, 'hello')).status).toBe(201)
      expect(backend.s3.requests.map(({ operation }) => operation)).toEqual(operations)
      await backend.close()
    }
  })
})

/** URLSession takes an answer for final, and resumes when the connection breaks. */
describe('trouble that passes', () => {
  test.each([
    ['after a 104 breaks the connection', INFORMATIONAL, [104]],
    ['is answered where there was none', {}, [503]],
  ] as const)('%s', async (_what, env, statuses) => {
    const backend = await openLocal({ ...env, BODY_IDLE_TIMEOUT: '1s' })
    const client = new RufhClient({ port: backend.app.port })
    const request = await client.raw('POST', '/files', { 'Upload-Complete': '?1', 'Content-Length': '10' })
    request.write('hello')
    await request.closed()
    expect(responsesIn(request.received).map(({ status }) => status)).toEqual(statuses)
    const [record = ''] = [...(await backend.names())].filter((name) => name.endsWith('.info'))
    const path = `/files/local/${record.replace('.info', '')}`
    expect(await client.state(path)).toEqual({ offset: '5', isComplete: false })
    await backend.close()
  })

  test('a refusal is answered after a 104 too', async () => {
    const backend = await openLocal(INFORMATIONAL)
    const client = new RufhClient({ port: backend.app.port })
    const headers = { 'Upload-Length': '5', 'Transfer-Encoding': 'chunked' }
    const request = await client.raw('POST', '/files', { 'Upload-Complete': '?1', ...headers })
    request.writeChunk('hello!')
    request.write('0\r\n\r\n')
    expect((await responses(request, 2)).map(({ status }) => status)).toEqual([104, 400])
    request.socket.destroy()
    await backend.close()
  })
})

test('a browser, which knows no 104, is not disturbed by them', async () => {
  const backend = await openLocal(INFORMATIONAL)
  const request = { port: backend.app.port, method: 'POST', path: '/files' }
  const headers = { 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1' }
  expect((await sendRequest({ ...request, headers }, 'hello')).status).toBe(201)
  const answer = await fetch(`${backend.app.url}/files`, { method: 'POST', headers, body: 'hello' })
  expect(answer.status).toBe(201)
  await backend.close()
})
