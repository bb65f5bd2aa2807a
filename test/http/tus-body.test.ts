import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { parseUploadId } from '../../src/core/upload-id.ts'
import type { OpenUpload, UploadBody, UploadStore } from '../../src/core/upload-store.ts'
import {
  OCTET_STREAM,
  type TusTestOptions,
  type TusTestServer,
  eventually,
  startTusServer,
} from '../support/tus-test-server.ts'

const MIB = 1024 ** 2

let server: TusTestServer

async function start(options?: TusTestOptions): Promise<void> {
  server = await startTusServer(options)
}

afterEach(() => server.close())

function patchHeaders(body: Record<string, string>): Record<string, string> {
  return { 'Content-Type': OCTET_STREAM, 'Upload-Offset': '0', ...body }
}

const CHUNKED = { 'Transfer-Encoding': 'chunked' }

async function offsetOf(path: string): Promise<string | undefined> {
  return (await server.head(path)).headers['upload-offset'] as string | undefined
}

/** Bytes that have reached the store, seen without taking the lock. */
async function storedBytes(path: string): Promise<number> {
  const id = parseUploadId(path.slice('/files/'.length))
  if (id === undefined) throw new Error(path)
  return (await server.store.open(id)).upload.offsetBytes
}

/** Has `write` go through `around`. */
function aroundWrite(around: (write: () => Promise<void>, body: UploadBody) => Promise<void>) {
  const wrap = (opened: OpenUpload): OpenUpload => ({
    get upload() {
      return opened.upload
    },
    declareLength: (bytes) => opened.declareLength(bytes),
    write: async (body) => {
      await around(async () => void (await opened.write(body)), body)
      return opened.upload
    },
  })
  return (store: UploadStore): UploadStore =>
    Object.assign(Object.create(store) as UploadStore, {
      begin: async (...args: Parameters<UploadStore['begin']>) => wrap(await store.begin(...args)),
      open: async (...args: Parameters<UploadStore['open']>) => wrap(await store.open(...args)),
      remove: store.remove.bind(store),
      info: store.info.bind(store),
      list: store.list.bind(store),
    })
}

function createGate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { passed, open }
}

describe('a body that breaks off', () => {
  test.each(['reset', 'end'] as const)(
    'C-22, C-23, C-26: keeps what arrived before a connection %s',
    async (kind) => {
      await start()
      const path = await server.create({ 'Upload-Length': '100' })
      const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '100' }))
      request.write('a'.repeat(40))
      await eventually(() => server.tus.inFlight === 1)
      await delay(50)
      if (kind === 'reset') request.socket.resetAndDestroy()
      else request.socket.end()
      await eventually(() => server.tus.inFlight === 0)
      expect(await offsetOf(path)).toBe('40')
      expect(await server.patch(path, 40, 'b'.repeat(60))).toMatchObject({ status: 204 })
    },
  )

  test('C-23: bytes that waited for a busy store are kept too, although the client is gone by then', async () => {
    const gate = createGate()
    await start({
      wrapStore: aroundWrite(async (write) => {
        await gate.passed
        await write()
      }),
    })
    const path = await server.create({ 'Upload-Length': '100' })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '100' }))
    request.write('a'.repeat(40))
    await delay(50)
    request.socket.resetAndDestroy()
    await delay(50)
    gate.open()
    await eventually(() => server.tus.inFlight === 0)
    expect(await storedBytes(path)).toBe(40)
  })

  test('CW-05: a creation cut in its body leaves an upload with what arrived', async () => {
    await start()
    const request = await server.raw('POST', '/files', {
      'Upload-Length': '100',
      'Content-Type': OCTET_STREAM,
      'Content-Length': '100',
    })
    request.write('a'.repeat(40))
    await delay(50)
    request.socket.resetAndDestroy()
    await eventually(() => server.tus.inFlight === 0)
    const offsets: number[] = []
    for await (const { id } of server.store.list())
      offsets.push((await server.store.open(id)).upload.offsetBytes)
    expect(offsets).toEqual([40])
  })
})

describe('a body that stalls', () => {
  test('C-22: is ended after the idle time with 503, the connection too, and what arrived is kept', async () => {
    await start({ bodyIdleTimeoutMs: 80 })
    const path = await server.create({ 'Upload-Length': '100' })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '100' }))
    request.write('a'.repeat(40))
    expect(await request.status()).toBe(503)
    expect(request.received).toContain('ERR_BODY_IDLE')
    expect(request.received).toMatch(/^Connection: close\r$/im)
    await request.closed()
    expect(await offsetOf(path)).toBe('40')
  })

  test('in a creation says where the upload is, so that it can be resumed', async () => {
    await start({ bodyIdleTimeoutMs: 80 })
    const request = await server.raw('POST', '/files', {
      'Upload-Length': '100',
      'Content-Type': OCTET_STREAM,
      'Content-Length': '100',
    })
    request.write('a'.repeat(40))
    expect(await request.status()).toBe(503)
    const path = /^Location: (.*)\r$/im.exec(request.received)?.[1] ?? ''
    expect(await offsetOf(path)).toBe('40')
  })

  test('a slow but steady client is not idle', async () => {
    await start({ bodyIdleTimeoutMs: 150 })
    const path = await server.create({ 'Upload-Length': '5' })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '5' }))
    for (const byte of 'hello') {
      request.write(byte)
      await delay(60)
    }
    expect(await request.status()).toBe(204)
  })

  test('a slow store does not make the client idle', async () => {
    await start({
      bodyIdleTimeoutMs: 80,
      wrapStore: aroundWrite(async (write) => {
        await delay(250)
        await write()
      }),
    })
    const path = await server.create({ 'Upload-Length': '5' })
    expect(await server.patch(path, 0, 'hello')).toMatchObject({ status: 204 })
  })

  test('a client that never ends a chunked body whose bytes are all there has finished its upload', async () => {
    await start({ bodyIdleTimeoutMs: 80 })
    const path = await server.create({ 'Upload-Length': '5' })
    const request = await server.raw('PATCH', path, patchHeaders(CHUNKED))
    request.writeChunk('hello')
    expect(await request.status()).toBe(204)
    expect(request.received).toContain('Upload-Offset: 5')
  })
})

describe('a body that the server does not want whole', () => {
  test('C-24: an endless body is stopped at the length, and the client that goes on sending can read the 413', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const request = await server.raw('PATCH', path, patchHeaders(CHUNKED))
    request.writeChunk('hello')
    const sending = setInterval(() => request.writeChunk('x'.repeat(1000)), 1)
    try {
      expect(await request.status()).toBe(413)
      expect(await offsetOf(path)).toBe('5')
      await request.closed()
    } finally {
      clearInterval(sending)
    }
  })

  test('a client that reads only after it has sent everything gets the answer', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': `${8 * MIB}` })
    const request = await server.raw('PATCH', path, {
      ...patchHeaders({ 'Content-Length': `${8 * MIB}` }),
      'Upload-Offset': '1',
    })
    request.socket.pause()
    await new Promise<void>((resolve) => request.socket.write(Buffer.alloc(8 * MIB), () => resolve()))
    request.socket.resume()
    expect(await request.status()).toBe(409)
  })

  test('so does one whose body was cut off in the middle for its size', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const request = await server.raw('PATCH', path, patchHeaders(CHUNKED))
    request.socket.pause()
    request.write(`${(8 * MIB).toString(16)}\r\n`)
    await new Promise<void>((resolve) => request.socket.write(Buffer.alloc(8 * MIB), () => resolve()))
    request.write('\r\n0\r\n\r\n')
    request.socket.resume()
    expect(await request.status()).toBe(413)
  })

  test('a client that never stops is cut off in the end', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const request = await server.raw('PATCH', path, patchHeaders(CHUNKED))
    const sending = setInterval(() => request.writeChunk('x'.repeat(10_000)), 1)
    const startedAt = Date.now()
    await request.closed()
    clearInterval(sending)
    expect(Date.now() - startedAt).toBeLessThan(10_000)
  })

  test('a refused body that ends leaves the connection usable', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '6' }))
    request.write('toobig')
    expect(await request.status()).toBe(413)
    request.write(`HEAD ${path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n\r\n`)
    await eventually(() => request.received.includes('HTTP/1.1 200'))
  })
})

describe('two requests on one upload', () => {
  test('C-27: a HEAD during a PATCH gets the exact offset; the PATCH ends with 423 and can be resumed', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '100' })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '100' }))
    request.write('a'.repeat(40))
    await delay(50)
    expect(await offsetOf(path)).toBe('40')
    expect(await request.status()).toBe(423)
    expect(request.received).toContain('ERR_UPLOAD_INTERRUPTED')
    expect(await server.patch(path, 40, 'b'.repeat(60))).toMatchObject({ status: 204 })
  })

  test('C-27: of two PATCHes at one offset, exactly one writes on', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '100' })
    const first = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '100' }))
    first.write('a'.repeat(40))
    await delay(50)
    expect(await server.patch(path, 0, 'b'.repeat(100))).toMatchObject({ status: 409 })
    expect(await first.status()).toBe(423)
    expect(await offsetOf(path)).toBe('40')
  })

  test('C-27: many whole PATCHes at once: one 204, and the bytes are those of one of them', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '5' })
    const answers = await Promise.all(
      ['aaaaa', 'bbbbb', 'ccccc', 'ddddd'].map((body) => server.patch(path, 0, body)),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 204).length).toBeLessThanOrEqual(1)
    expect(statuses.every((status) => [204, 409, 423].includes(status))).toBe(true)
  })

  test('TE-04: a DELETE during a PATCH ends it, and nothing comes back', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '100' })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '100' }))
    request.write('a'.repeat(40))
    await delay(50)
    expect(await server.send('DELETE', path)).toMatchObject({ status: 204 })
    expect(await request.status()).toBe(423)
    expect(await server.head(path)).toMatchObject({ status: 404 })
  })

  test('the lock is held until the store has settled, even if it fails', async () => {
    const gate = createGate()
    await start({
      wrapStore: aroundWrite(async () => {
        await gate.passed
        throw new Error('the disk is on fire')
      }),
    })
    const path = await server.create({ 'Upload-Length': '5' })
    const patch = server.patch(path, 0, 'hello')
    await eventually(() => server.tus.inFlight === 1)
    let isAnswered = false
    const head = server.head(path).finally(() => (isAnswered = true))
    await delay(100)
    expect(isAnswered).toBe(false)
    gate.open()
    expect(await head).toMatchObject({ status: 200 })
    expect(await patch).toMatchObject({ status: 500 })
  })

  test('K-01: whoever cannot have the lock in time gets 423, with Retry-After on HEAD', async () => {
    const gate = createGate()
    await start({ lockTimeoutMs: 80, wrapStore: aroundWrite(() => gate.passed) })
    const path = await server.create({ 'Upload-Length': '5' })
    const patch = server.patch(path, 0, 'hello')
    await eventually(() => server.tus.inFlight === 1)
    const head = await server.head(path)
    expect([head.status, head.headers['retry-after']]).toEqual([423, '1'])
    expect(await server.send('DELETE', path)).toMatchObject({ status: 423 })
    gate.open()
    await patch
  })

  test('C-19: a PATCH whose bytes were all stored when somebody asked for the lock is a success', async () => {
    const [isWritten, gate] = [createGate(), createGate()]
    await start({
      wrapStore: aroundWrite(async (write) => {
        await write()
        isWritten.open()
        await gate.passed
      }),
    })
    const path = await server.create({ 'Upload-Length': '5' })
    const patch = server.patch(path, 0, 'hello')
    await isWritten.passed
    const head = server.head(path)
    await delay(50)
    gate.open()
    expect(await patch).toMatchObject({ status: 204, headers: { 'upload-offset': '5' } })
    expect((await head).headers['upload-offset']).toBe('5')
  })

  test('C-19: so is one whose store stopped reading at the last byte, before the end was seen', async () => {
    const [isWritten, gate] = [createGate(), createGate()]
    await start({
      wrapStore: aroundWrite(async (write, body) => {
        const iterator = body[Symbol.asyncIterator]()
        const { value } = await iterator.next()
        const original = body[Symbol.asyncIterator].bind(body)
        Object.assign(body, {
          [Symbol.asyncIterator]: async function* () {
            yield value
          },
        })
        await write()
        Object.assign(body, { [Symbol.asyncIterator]: original })
        isWritten.open()
        await gate.passed
      }),
    })
    const path = await server.create({ 'Upload-Length': '5' })
    const patch = server.patch(path, 0, 'hello')
    await isWritten.passed
    const head = server.head(path)
    await delay(50)
    gate.open()
    expect(await patch).toMatchObject({ status: 204, headers: { 'upload-offset': '5' } })
    await head
  })

  test('a client that leaves while it waits for the lock does not get it', async () => {
    const gate = createGate()
    await start({ wrapStore: aroundWrite(() => gate.passed) })
    const path = await server.create({ 'Upload-Length': '5' })
    const patch = server.patch(path, 0, 'hello')
    await eventually(() => server.tus.inFlight === 1)
    const waiting = await server.raw('HEAD', path, {})
    await eventually(() => server.tus.inFlight === 2)
    waiting.socket.destroy()
    await eventually(() => server.errors.length === 1)
    expect(server.errors).toMatchObject([{ code: 'ERR_UPLOAD_LOCKED' }])
    gate.open()
    await patch
  })
})

describe('shutdown', () => {
  test('keeps what arrived, answers 503 with Connection: close, and waits for all of it', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': '100' })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '100' }))
    request.write('a'.repeat(40))
    await eventually(() => server.tus.inFlight === 1)
    await delay(50)
    await server.tus.interrupt()
    expect(server.tus.inFlight).toBe(0)
    expect(await storedBytes(path)).toBe(40)
    expect(await request.status()).toBe(503)
    expect(request.received).toContain('ERR_SERVER_SHUTDOWN')
    expect(request.received).toMatch(/^Connection: close\r$/im)
  })

  test('keeps the bytes that waited for a busy store', async () => {
    const gate = createGate()
    await start({
      wrapStore: aroundWrite(async (write) => {
        await gate.passed
        await write()
      }),
    })
    const path = await server.create({ 'Upload-Length': '100' })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': '100' }))
    request.write('a'.repeat(40))
    await delay(50)
    const interrupted = server.tus.interrupt()
    gate.open()
    await interrupted
    expect(await storedBytes(path)).toBe(40)
    expect(await request.status()).toBe(503)
  })

  test('a client that is still sending at full speed can read the answer', async () => {
    await start()
    const path = await server.create({ 'Upload-Length': `${1024 * MIB}` })
    const request = await server.raw('PATCH', path, patchHeaders({ 'Content-Length': `${1024 * MIB}` }))
    const block = Buffer.alloc(MIB)
    const send = (): void =>
      void (request.socket.writable && request.socket.write(block, () => setImmediate(send)))
    send()
    await eventually(() => server.tus.inFlight === 1)
    await delay(50)
    await server.tus.interrupt()
    expect(await request.status()).toBe(503)
    await request.closed()
    request.socket.destroy()
  })

  test('lets an upload be finished whose bytes are all there', async () => {
    const [isWritten, gate] = [createGate(), createGate()]
    await start({
      wrapStore: aroundWrite(async (write) => {
        await write()
        isWritten.open()
        await gate.passed
      }),
    })
    const path = await server.create({ 'Upload-Length': '5' })
    const patch = server.patch(path, 0, 'hello')
    await isWritten.passed
    const interrupted = server.tus.interrupt()
    gate.open()
    await interrupted
    expect(await patch).toMatchObject({ status: 204 })
  })
})
