import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { TuskerError } from '../../src/core/errors.ts'
import { parseUploadId, type UploadId } from '../../src/core/upload-id.ts'
import type { OpenUpload, UploadStore } from '../../src/core/upload-store.ts'
import { startApp } from '../support/start-app.ts'
import {
  OCTET_STREAM,
  type TusTestOptions,
  type TusTestServer,
  eventually,
  startTusServer,
} from '../support/tus-test-server.ts'

const NOBODY = '/files/00000000000000000000000000000000'

let server: TusTestServer

async function start(options: TusTestOptions = {}): Promise<void> {
  const uploadUrl: TusTestOptions['uploadUrl'] = ({ headers }, id) => `http://${headers.host}/files/${id}`
  server = await startTusServer({ uploadUrl, ...options })
}

afterEach(() => server.close())

type Answer = Awaited<ReturnType<TusTestServer['send']>>

function codeOf({ body }: Pick<Answer, 'body'>): string {
  return (JSON.parse(body) as { error: { code: string } }).error.code
}

function pathOf(answer: Answer): string {
  return new URL(String(answer.headers.location)).pathname
}

function idOf(path: string): UploadId {
  const id = parseUploadId(path.slice('/files/'.length))
  if (id === undefined) throw new Error(`${path} has no id`)
  return id
}

/** POST of a partial upload of `text`, of which `sent` comes with it. */
async function partial(text: string, sent = text, headers: Record<string, string> = {}): Promise<string> {
  const answer = await server.send(
    'POST',
    '/files',
    {
      'Upload-Length': String(text.length),
      'Upload-Concat': 'partial',
      'Content-Type': OCTET_STREAM,
      ...headers,
    },
    sent,
  )
  expect(answer.status).toBe(201)
  return pathOf(answer)
}

async function final(concat: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
  return await server.send('POST', '/files', { 'Upload-Concat': concat, ...headers }, body)
}

async function contentOf(path: string): Promise<string | undefined> {
  const found = await server.store.concatenation?.findPartial(idOf(path))
  if (found?.objectBytes === undefined) return undefined
  const opened = await server.store.open(idOf(path))
  return `${opened.upload.offsetBytes} bytes`
}

async function storedUploads(): Promise<number> {
  let count = 0
  for await (const _ of server.store.list()) count += 1
  return count
}

/** A store whose final uploads do as they are told before they are made. */
function delaying(
  before: (signal: AbortSignal | undefined) => Promise<void>,
): NonNullable<TusTestOptions['wrapStore']> {
  const slow = (opened: OpenUpload): OpenUpload => ({
    get upload() {
      return opened.upload
    },
    write: async (...call) => await opened.write(...call),
    declareLength: async (...call) => await opened.declareLength(...call),
    concatenate: async (pieces, options) => {
      await before(options?.signal)
      return (await opened.concatenate?.(pieces, options)) ?? opened.upload
    },
  })
  return (store) =>
    Object.assign(Object.create(store) as UploadStore, {
      begin: async (...call: Parameters<UploadStore['begin']>) => {
        const begun = await store.begin(...call)
        return call[0].concat?.kind === 'final' ? slow(begun) : begun
      },
      open: async (...call: Parameters<UploadStore['open']>) => {
        const opened = await store.open(...call)
        return opened.upload.concat?.kind === 'final' ? slow(opened) : opened
      },
      info: store.info.bind(store),
      list: store.list.bind(store),
      remove: store.remove.bind(store),
    })
}

/** A gate that is closed until it is opened. */
function gate(): { readonly wait: (signal?: AbortSignal) => Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const wait = async (signal?: AbortSignal): Promise<void> => {
    const stopped = new Promise<void>((_, reject) =>
      signal?.addEventListener('abort', () => reject(new Error('stopped'))),
    )
    await Promise.race([opened, stopped])
  }
  return { wait, open }
}

describe('a partial upload', () => {
  test('CO-01, CO-02, CO-13, CO-15: is an upload like any other, and says what it is', async () => {
    await start()
    const path = await partial('hello', 'he')
    expect((await server.head(path)).headers).toMatchObject({
      'upload-offset': '2',
      'upload-length': '5',
      'upload-concat': 'partial',
    })
    expect((await server.patch(path, 2, 'llo')).status).toBe(204)
    expect((await server.head(path)).headers).toMatchObject({
      'upload-offset': '5',
      'upload-concat': 'partial',
    })
  })

  test('EX: expires also when it is finished, as the piece of an unfinished upload that it is', async () => {
    await start({ expirationMs: 60_000 })
    const path = await partial('hello')
    expect((await server.head(path)).headers['upload-expires']).toBe('Thu, 01 Jan 2026 00:01:00 GMT')
    server.advance(120_000)
    // Until the clean-up removes it, it can be used.
    expect((await server.head(path)).status).toBe(200)
    expect((await final(`final;${path}`)).status).toBe(201)
  })

  test.each(['', 'Partial', 'partial;', 'final', 'FINAL;/a', 'none', 'partial, partial'])(
    'CO-16: Upload-Concat "%s" is refused, and nothing is created',
    async (concat) => {
      await start()
      const answer = await final(concat, { 'Upload-Length': '5' })
      expect([answer.status, codeOf(answer)]).toEqual([400, 'ERR_INVALID_CONCAT'])
      expect(await storedUploads()).toBe(0)
    },
  )

  test('a store that does not offer it answers 501', async () => {
    await start({
      wrapStore: (store) => Object.assign(Object.create(store) as UploadStore, { concatenation: undefined }),
    })
    const answer = await final('partial', { 'Upload-Length': '5' })
    expect([answer.status, codeOf(answer)]).toEqual([501, 'ERR_UNSUPPORTED_EXTENSION'])
  })
})

describe('a final upload', () => {
  test('CO-04, CO-05, CO-12, CO-15: has the bytes of its partial ones, in the order of its URLs', async () => {
    await start()
    const [one, two] = [await partial('hello '), await partial('world')]
    const concat = `final;${one} http://127.0.0.1:${server.port}${two}`
    const answer = await final(concat)
    expect(answer).toMatchObject({ status: 201, body: '' })
    const path = pathOf(answer)
    expect(await contentOf(path)).toBe('11 bytes')
    const { headers, status } = await server.head(path)
    expect(status).toBe(200)
    expect(headers).toMatchObject({ 'upload-offset': '11', 'upload-length': '11', 'upload-concat': concat })
    expect(headers).not.toHaveProperty('upload-expires')
  })

  test.each([
    ['a space after final;', (url: string) => `final; ${url}`],
    ['several spaces', (url: string) => `final;${url}  ${url}`],
    ['slashes at the end', (url: string) => `final;${url}/ ${url}//`],
    ['https where we see http', (url: string) => `final;https://127.0.0.1:${server.port}${url}`],
    ['a URL relative to the collection', (url: string) => `final;${url.slice('/files/'.length)}`],
  ])('CO-05, CO-06: %s is fine, and comes back as it was', async (_what, write) => {
    await start()
    const concat = write(await partial('abc'))
    const answer = await final(concat)
    expect(answer.status).toBe(201)
    expect((await server.head(pathOf(answer))).headers['upload-concat']).toBe(concat)
  })

  test.each([
    ['final;', 'no URL'],
    ['final;   ', 'no URL'],
    ['final;http://evil.example/files/00000000000000000000000000000000', 'another host'],
    ['final;//evil.example/files/00000000000000000000000000000000', 'another host'],
    ['final;http://127.0.0.1:1/files/00000000000000000000000000000000', 'another port'],
    ['final;file:///files/00000000000000000000000000000000', 'another scheme'],
    ['final;http://a:b@127.0.0.1/files/00000000000000000000000000000000', 'credentials'],
    ['final;/other/00000000000000000000000000000000', 'another path'],
    ['final;/files/archive/00000000000000000000000000000000', 'another location'],
    ['final;/files/0000', 'a malformed id'],
    ['final;/files/../files/x/../../etc/passwd', 'no upload'],
    ['final;/files/00000000000000000000000000000000?x=1', 'a query'],
    ['final;/files/00000000000000000000000000000000#x', 'a fragment'],
    ['final;/files/%30000000000000000000000000000000', 'an encoded id'],
    [`final;${Array.from({ length: 1_001 }, () => 'x').join(' ')}`, 'more than 1,000'],
  ])('CO-06, CO-16: %s is refused (%s), and nothing is created', async (concat) => {
    await start()
    const answer = await final(concat)
    expect([answer.status, codeOf(answer)]).toEqual([400, 'ERR_INVALID_CONCAT'])
    expect(await storedUploads()).toBe(0)
  })

  test('CO-16: of an upload that is not there it is 404, and nothing is created', async () => {
    await start()
    const path = await partial('abc')
    const answer = await final(`final;${path} ${NOBODY}`)
    expect([answer.status, codeOf(answer)]).toEqual([404, 'ERR_UPLOAD_NOT_FOUND'])
    expect(answer.body).toContain(NOBODY.slice('/files/'.length))
    expect(answer.headers).not.toHaveProperty('location')
    expect(await storedUploads()).toBe(1)
  })

  test('CO-16: of an upload that is not partial, or of a final one, it is refused', async () => {
    await start()
    const piece = await partial('abc')
    const plain = await server.send('POST', '/files', { 'Upload-Length': '0' })
    const whole = await final(`final;${piece}`)
    for (const other of [plain, whole]) {
      const answer = await final(`final;${piece} ${pathOf(other)}`)
      expect([answer.status, codeOf(answer)]).toEqual([400, 'ERR_INVALID_CONCAT'])
    }
    expect(await storedUploads()).toBe(3)
  })

  test.each([
    ['Upload-Length', { 'Upload-Length': '3' }, '', [400, 'ERR_INVALID_LENGTH']],
    ['Upload-Defer-Length', { 'Upload-Defer-Length': '1' }, '', [400, 'ERR_INVALID_LENGTH']],
    ['a body', { 'Content-Type': OCTET_STREAM }, 'abc', [403, 'ERR_MODIFY_FINAL']],
    ['a body of another type', { 'Content-Type': 'text/plain' }, 'abc', [403, 'ERR_MODIFY_FINAL']],
    ['wrong metadata', { 'Upload-Metadata': 'a ?' }, '', [400, 'ERR_INVALID_METADATA']],
  ])('CO-07: with %s it is refused, and nothing is created', async (_what, headers, body, refusal) => {
    await start()
    const path = await partial('abc')
    const answer = await final(`final;${path}`, headers, body)
    expect([answer.status, codeOf(answer)]).toEqual(refusal)
    expect(await storedUploads()).toBe(1)
  })

  test('CO-16, CR-12: that would be larger than the server accepts is 413, and nothing is created', async () => {
    await start({ maxSizeBytes: 5 })
    const [one, two] = [await partial('abc'), await partial('def')]
    const answer = await final(`final;${one} ${two}`)
    expect([answer.status, codeOf(answer)]).toEqual([413, 'ERR_MAX_SIZE_EXCEEDED'])
    expect(await storedUploads()).toBe(2)
  })

  test('CO-09: has the metadata of its own request, not those of its partial ones', async () => {
    await start()
    const piece = await partial('abc', 'abc', { 'Upload-Metadata': 'filename cGllY2U=' })
    const plain = pathOf(await final(`final;${piece}`))
    expect((await server.head(plain)).headers).not.toHaveProperty('upload-metadata')
    const named = pathOf(await final(`final;${piece}`, { 'Upload-Metadata': 'filename d2hvbGU=,x' }))
    expect((await server.head(named)).headers['upload-metadata']).toBe('filename d2hvbGU=,x')
  })

  test('CO-10: may use a partial one several times, and others may use it again', async () => {
    await start()
    const [one, two] = [await partial('abc'), await partial('de')]
    expect(await contentOf(pathOf(await final(`final;${one} ${two} ${one}`)))).toBe('8 bytes')
    expect(await contentOf(pathOf(await final(`final;${two}`)))).toBe('2 bytes')
    expect((await server.head(one)).headers['upload-offset']).toBe('3')
  })

  test('CO-10: with a retention of nothing its partial ones are removed as soon as it is there', async () => {
    await start({ partialRetentionMs: 0 })
    const [one, two] = [await partial('abc'), await partial('de')]
    const path = pathOf(await final(`final;${one} ${two} ${one}`))
    for (const piece of [one, two]) expect((await server.head(piece)).status).toBe(404)
    expect((await server.head(path)).headers['upload-offset']).toBe('8')
    expect(await storedUploads()).toBe(1)
  })

  test('CO-11: PATCH is 403, whatever its offset says, and neither it nor its partial ones change', async () => {
    await start()
    const piece = await partial('abc')
    const unfinished = await partial('abc', '')
    const made = pathOf(await final(`final;${piece}`))
    const waiting = pathOf(await final(`final;${piece} ${unfinished}`))
    for (const [path, offset] of [
      [made, 3],
      [made, 0],
      [waiting, 0],
      [waiting, 3],
    ] as const) {
      const answer = await server.patch(path, offset, 'x')
      expect([answer.status, codeOf(answer)]).toEqual([403, 'ERR_MODIFY_FINAL'])
    }
    expect((await server.head(made)).headers).toMatchObject({ 'upload-offset': '3', 'upload-length': '3' })
    expect((await server.head(waiting)).headers).not.toHaveProperty('upload-offset')
    expect((await server.head(piece)).headers['upload-offset']).toBe('3')
    expect((await server.head(unfinished)).headers['upload-offset']).toBe('0')
  })

  test('TE-01: DELETE removes it, made or not, and not its partial ones; and partial ones', async () => {
    await start()
    const [piece, unfinished] = [await partial('abc'), await partial('abc', '')]
    const made = pathOf(await final(`final;${piece}`))
    const waiting = pathOf(await final(`final;${unfinished}`))
    for (const path of [made, waiting, piece, unfinished]) {
      expect((await server.send('DELETE', path)).status).toBe(204)
      expect((await server.head(path)).status).toBe(404)
    }
    expect(await storedUploads()).toBe(0)
  })

  test.each([
    ['ro', 403],
    ['drain', 201],
  ] as const)(
    'in a location in mode %s it is %i: it is the end of uploads that are open',
    async (mode, status) => {
      await start({ mode })
      const info = { metadata: {}, rawMetadata: undefined, createdAt: new Date(), lengthBytes: 0 }
      const id = idOf('/files/11111111111111111111111111111111')
      await server.store.begin({ ...info, id, concat: { kind: 'partial', raw: 'partial' } })
      expect((await final(`final;/files/${id}`)).status).toBe(status)
      expect((await final('partial', { 'Upload-Length': '1' })).status).toBe(403)
    },
  )

  test('if it can not be made, the storage is asked for nothing more, and nothing stays of it', async () => {
    await start({
      wrapStore: delaying(() => Promise.reject(new TuskerError('ERR_STORAGE_UNAVAILABLE'))),
    })
    const answer = await final(`final;${await partial('abc')}`)
    expect([answer.status, codeOf(answer)]).toEqual([503, 'ERR_STORAGE_UNAVAILABLE'])
    expect(answer.headers).not.toHaveProperty('location')
    expect(await storedUploads()).toBe(1)
  })
})

describe('through the whole server', () => {
  test('CO-05: a final upload can be downloaded, and its pieces are in it in the order of the URLs', async () => {
    await start()
    const app = await startApp({ locations: ['local', 'archive'] })
    const post = async (headers: Record<string, string>, body = ''): Promise<Response> =>
      await fetch(`${app.url}/files`, {
        method: 'POST',
        headers: { 'Tus-Resumable': '1.0.0', 'Content-Type': OCTET_STREAM, ...headers },
        ...(body !== '' && { body }),
      })
    const piece = async (text: string): Promise<string> => {
      const answer = await post({ 'Upload-Concat': 'partial', 'Upload-Length': String(text.length) }, text)
      return answer.headers.get('location') ?? ''
    }
    const [one, two] = [await piece('hello '), await piece('world')]
    const made = await post({ 'Upload-Concat': `final;${one} ${new URL(two).pathname} ${one}` })
    expect(made.status).toBe(201)
    const url = made.headers.get('location') ?? ''
    expect(await (await fetch(url)).text()).toBe('hello worldhello ')
    const plainHead = await fetch(url, { method: 'HEAD' })
    expect(plainHead.headers.get('upload-concat')).toMatch(/^final;http/)
    const elsewhere = await post({ 'Upload-Concat': `final;${one.replace('/local/', '/archive/')}` })
    expect(elsewhere.status).toBe(400)
    await app.close()
  })

  test('CO-12: a GET of one that could be there makes it', async () => {
    await start()
    const app = await startApp({ locations: ['local'] })
    const send = async (method: string, url: string, headers: Record<string, string>, body?: string) =>
      await fetch(url, {
        method,
        headers: { 'Tus-Resumable': '1.0.0', 'Content-Type': OCTET_STREAM, ...headers },
        ...(body !== undefined && { body }),
      })
    const files = `${app.url}/files`
    const piece = await send('POST', files, { 'Upload-Concat': 'partial', 'Upload-Length': '3' })
    const pieceUrl = piece.headers.get('location') ?? ''
    const waiting = await send('POST', files, { 'Upload-Concat': `final;${pieceUrl}` })
    const url = waiting.headers.get('location') ?? ''
    expect((await fetch(url)).status).toBe(404)
    // As another server would, with the directory that both have.
    const path = join(app.root, 'local', new URL(pieceUrl).pathname.split('/').at(-1) ?? '')
    await writeFile(path, 'abc')
    expect((await fetch(url)).status).toBe(404)
    await eventually(async () => (await fetch(url)).status === 200)
    expect(await (await fetch(url)).text()).toBe('abc')
    await app.close()
  })
})

describe('a final upload of unfinished ones (concatenation-unfinished)', () => {
  test('CO-08, CO-12, CO-14: is there once the last of them is; until then it tells no offset', async () => {
    await start({ expirationMs: 60_000 })
    const [one, two] = [await partial('hello ', 'hel'), await partial('world', '')]
    const answer = await final(`final;${one} ${two}`)
    expect(answer).toMatchObject({
      status: 201,
      headers: { 'upload-expires': 'Thu, 01 Jan 2026 00:01:00 GMT' },
    })
    const path = pathOf(answer)
    const before = await server.head(path)
    expect(before).toMatchObject({ status: 200, headers: { 'upload-length': '11' } })
    for (const name of ['upload-offset', 'upload-defer-length'])
      expect(before.headers).not.toHaveProperty(name)
    await server.patch(one, 3, 'lo ')
    expect((await server.head(path)).headers).not.toHaveProperty('upload-offset')
    await server.patch(two, 0, 'world')
    await eventually(async () => (await contentOf(path)) === '11 bytes')
    await eventually(async () => (await server.head(path)).headers['upload-offset'] === '11')
  })

  test('CO-14: tells its length as soon as all of theirs are known', async () => {
    await start()
    const known = await partial('abc')
    const deferred = pathOf(
      await server.send('POST', '/files', { 'Upload-Defer-Length': '1', 'Upload-Concat': 'partial' }),
    )
    const path = pathOf(await final(`final;${known} ${deferred}`))
    const { headers } = await server.head(path)
    for (const name of ['upload-length', 'upload-offset', 'upload-defer-length'])
      expect(headers).not.toHaveProperty(name)
    await server.patch(deferred, 0, 'd', { 'Upload-Length': '2' })
    expect((await server.head(path)).headers).toMatchObject({ 'upload-length': '5' })
    await server.patch(deferred, 1, 'e')
    await eventually(async () => (await server.head(path)).headers['upload-offset'] === '5')
    expect((await server.head(path)).headers['upload-length']).toBe('5')
  })

  test('is made by a look at it, if this process did not see its partial ones being finished', async () => {
    await start()
    const piece = await partial('abc', '')
    const path = pathOf(await final(`final;${piece}`))
    // As another server would.
    await (
      await server.store.open(idOf(piece))
    ).write(
      (async function* () {
        yield Buffer.from('abc')
      })(),
    )
    expect(await contentOf(path)).toBeUndefined()
    expect((await server.head(path)).status).toBe(200)
    await eventually(async () => (await contentOf(path)) === '3 bytes')
  })

  test('of a partial one that was removed it can never be made: HEAD says 410', async () => {
    await start()
    const piece = await partial('abc', '')
    const path = pathOf(await final(`final;${piece}`))
    await server.send('DELETE', piece)
    expect((await server.head(path)).status).toBe(410)
    expect((await server.send('DELETE', path)).status).toBe(204)
  })

  test('CO-12: of partial ones that turn out empty, it tells no offset before it is there', async () => {
    const made = gate()
    await start({ wrapStore: delaying(made.wait) })
    const deferred = pathOf(
      await server.send('POST', '/files', { 'Upload-Defer-Length': '1', 'Upload-Concat': 'partial' }),
    )
    const path = pathOf(await final(`final;${deferred}`))
    await server.patch(deferred, 0, '', { 'Upload-Length': '0' })
    for (let look = 1; look <= 3; look += 1)
      expect((await server.head(path)).headers).not.toHaveProperty('upload-offset')
    made.open()
    await eventually(async () => (await server.head(path)).headers['upload-offset'] === '0')
  })

  test('that is known to become too large is 413', async () => {
    await start({ maxSizeBytes: 5 })
    const [one, two] = [await partial('abc', ''), await partial('def', '')]
    expect((await final(`final;${one} ${two}`)).status).toBe(413)
  })
})

describe('a final upload that takes long to be made', () => {
  test('is answered with its head and then a byte from time to time, and ends well', async () => {
    const made = gate()
    await start({ wrapStore: delaying(made.wait), concatKeepAliveMs: 20 })
    const concat = `final;${await partial('abc')}`
    const request = await server.raw('POST', '/files', {
      Host: 'x',
      'Upload-Concat': concat,
      'Content-Length': '0',
    })
    expect(await request.status()).toBe(201)
    expect(request.received).toMatch(/Location: http:\/\/x\/files\/[0-9a-f]{32}\r\n/)
    expect(request.received).not.toContain('Upload-Offset')
    await eventually(() => (request.received.match(/1\r\n \r\n/g) ?? []).length >= 3)
    expect(request.received).not.toContain('0\r\n\r\n')
    made.open()
    await eventually(() => request.received.endsWith('0\r\n\r\n'))
    const path = /(\/files\/[0-9a-f]{32})/.exec(request.received)?.[1] ?? ''
    expect((await server.head(path)).headers['upload-offset']).toBe('3')
  })

  test('breaks its answer off if it fails after all, and can be made later', async () => {
    const made = gate()
    let isBroken = true
    await start({
      wrapStore: delaying(async () => {
        await made.wait()
        if (isBroken) throw new TuskerError('ERR_STORAGE_UNAVAILABLE')
      }),
      concatKeepAliveMs: 20,
    })
    const concat = `final;${await partial('abc')}`
    const request = await server.raw('POST', '/files', {
      Host: 'x',
      'Upload-Concat': concat,
      'Content-Length': '0',
    })
    expect(await request.status()).toBe(201)
    made.open()
    await request.closed()
    expect(request.received).not.toContain('0\r\n\r\n')
    const path = /(\/files\/[0-9a-f]{32})/.exec(request.received)?.[1] ?? ''
    isBroken = false
    expect((await server.head(path)).headers).not.toHaveProperty('upload-offset')
    await eventually(async () => (await server.head(path)).headers['upload-offset'] === '3')
  })

  test('goes on when its client leaves', async () => {
    const made = gate()
    await start({ wrapStore: delaying(made.wait), concatKeepAliveMs: 20 })
    const concat = `final;${await partial('abc')}`
    const request = await server.raw('POST', '/files', {
      Host: 'x',
      'Upload-Concat': concat,
      'Content-Length': '0',
    })
    await request.status()
    request.socket.resetAndDestroy()
    const path = /(\/files\/[0-9a-f]{32})/.exec(request.received)?.[1] ?? ''
    made.open()
    // The object may be there an instant before the server has done with it.
    await eventually(async () => (await server.head(path)).headers['upload-offset'] === '3')
    expect(await contentOf(path)).toBe('3 bytes')
  })

  test('CO-11, CO-12: keeps nobody waiting: HEAD, PATCH and DELETE are answered at once', async () => {
    const made = gate()
    await start({ wrapStore: delaying(made.wait), concatKeepAliveMs: 20, lockTimeoutMs: 60_000 })
    const concat = `final;${await partial('abc')}`
    const request = await server.raw('POST', '/files', {
      Host: 'x',
      'Upload-Concat': concat,
      'Content-Length': '0',
    })
    await request.status()
    const path = /(\/files\/[0-9a-f]{32})/.exec(request.received)?.[1] ?? ''
    const head = await server.head(path)
    expect(head).toMatchObject({ status: 200, headers: { 'upload-length': '3', 'upload-concat': concat } })
    expect(head.headers).not.toHaveProperty('upload-offset')
    expect((await server.patch(path, 0, 'x')).status).toBe(403)
    expect((await server.send('DELETE', path)).status).toBe(204)
    await request.closed()
    expect(request.received).not.toContain('0\r\n\r\n')
    expect((await server.head(path)).status).toBe(404)
    expect(await storedUploads()).toBe(1)
  })

  test('is given up by a server that shuts down, and made by the next look', async () => {
    const made = gate()
    await start({ wrapStore: delaying(made.wait), concatKeepAliveMs: 20 })
    const concat = `final;${await partial('abc')}`
    const request = await server.raw('POST', '/files', {
      Host: 'x',
      'Upload-Concat': concat,
      'Content-Length': '0',
    })
    await request.status()
    const path = /(\/files\/[0-9a-f]{32})/.exec(request.received)?.[1] ?? ''
    await server.tus.interrupt()
    await request.closed()
    expect(request.received).not.toContain('0\r\n\r\n')
    expect((await server.store.info(idOf(path))).concat?.kind).toBe('final')
  }, 20_000)
})
