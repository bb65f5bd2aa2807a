import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingHttpHeaders, type ServerResponse, createServer, request } from 'node:http'
import { type AddressInfo, type Socket, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { toTuskerError } from '../../src/core/errors.ts'
import type { Logger } from '../../src/core/ports.ts'
import { parseUploadId } from '../../src/core/upload-id.ts'
import type { UploadStore } from '../../src/core/upload-store.ts'
import { createMemoryLocker } from '../../src/locks/memory-locker.ts'
import { openDriver } from '../../src/storage/drivers/local/driver.ts'
import type { TusServerOptions } from '../../src/tus/tus-context.ts'
import { TusServer } from '../../src/tus/tus-server.ts'

export const OCTET_STREAM = 'application/offset+octet-stream'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface TusTestServer {
  readonly tus: TusServer
  readonly store: UploadStore
  readonly port: number
  /** Every error that serve() threw, last one last. */
  readonly errors: readonly unknown[]
  /** Moves the server's clock. */
  advance(ms: number): void
  send(
    method: string,
    path: string,
    headers?: Record<string, string>,
    body?: string | Buffer,
  ): Promise<Answer>
  /** POST; returns the path of the new upload. */
  create(headers: Record<string, string>): Promise<string>
  head(path: string): Promise<Answer>
  patch(
    path: string,
    offset: number,
    body: string | Buffer,
    headers?: Record<string, string>,
  ): Promise<Answer>
  /** A bare connection that has sent the head of a request. */
  raw(method: string, path: string, headers: Record<string, string>): Promise<RawRequest>
  close(): Promise<void>
}

export interface TusTestOptions extends Partial<Omit<TusServerOptions, 'store' | 'locker' | 'clock'>> {
  readonly lockTimeoutMs?: number
  readonly wrapStore?: (store: UploadStore) => UploadStore
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** A TusServer over a real directory behind nothing but an HTTP server, with the error answers that http/ gives. */
export async function startTusServer(options: TusTestOptions = {}): Promise<TusTestServer> {
  const { lockTimeoutMs = 2_000, wrapStore = (store) => store, ...rest } = options
  const root = await mkdtemp(join(tmpdir(), 'tusker-tus-'))
  const { uploads } = await openDriver({ root })
  if (!uploads) throw new Error('the local driver has no uploads')
  const store = wrapStore(uploads)
  const errors: unknown[] = []
  let now = Date.UTC(2026, 0, 1)
  const tus = new TusServer({
    locationName: 'local',
    mode: 'rw',
    maxSizeBytes: undefined,
    expirationMs: undefined,
    partialRetentionMs: undefined,
    expirationMode: 'absolute',
    bodyIdleTimeoutMs: 5_000,
    rufhInformational: false,
    logger: silentLogger,
    uploadUrl: (_request, id) => `/files/${id}`,
    ...rest,
    store,
    locker: createMemoryLocker({ timeoutMs: lockTimeoutMs }),
    clock: () => now,
  })
  const server = createServer((request, response) => {
    const id = parseUploadId(request.url?.slice('/files/'.length) ?? '')
    tus.serve(request, response, id).catch((error: unknown) => {
      errors.push(error)
      sendError(response, error)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const send: TusTestServer['send'] = (method, path, headers = {}, body = '') =>
    sendRequest({ port, method, path, headers: { 'Tus-Resumable': '1.0.0', ...headers } }, body)
  return {
    tus,
    store,
    port,
    errors,
    send,
    advance: (ms) => (now += ms),
    create: async (headers) => {
      const { status, headers: answered, body } = await send('POST', '/files', headers)
      if (status !== 201 || answered.location === undefined) throw new Error(`POST: ${status} ${body}`)
      return answered.location
    },
    head: (path) => send('HEAD', path),
    patch: (path, offset, body, headers) =>
      send('PATCH', path, { 'Content-Type': OCTET_STREAM, 'Upload-Offset': `${offset}`, ...headers }, body),
    raw: (method, path, headers) => RawRequest.open({ port, method, path, headers }),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const { code, message, status } = toTuskerError(error)
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.end(response.req.method === 'HEAD' ? undefined : JSON.stringify({ error: { code, message } }))
}

interface RequestHead {
  readonly port: number
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
}

/** Sends a request with no other headers than it says. */
export function sendRequest(
  { port, method, path, headers }: RequestHead,
  body: string | Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const hasLength = Object.keys(headers).some((name) => /^(content-length|transfer-encoding)$/i.test(name))
    const length = hasLength || body.length === 0 ? {} : { 'Content-Length': Buffer.byteLength(body) }
    const options = {
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...headers, ...length },
      agent: false,
    }
    const outgoing = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** One request on a connection of its own, for clients that misbehave. */
export class RawRequest {
  readonly socket: Socket
  #received = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => (this.#received += chunk.toString('latin1')))
    // A reset is one of the things that are tested.
    socket.on('error', () => undefined)
  }

  static async open(head: RequestHead): Promise<RawRequest> {
    return await RawRequest.openBare({ ...head, headers: { 'Tus-Resumable': '1.0.0', ...head.headers } })
  }

  /** Of no protocol, unless its headers say one. */
  static async openBare({ port, method, path, headers }: RequestHead): Promise<RawRequest> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const lines = Object.entries({ Host: 'localhost', ...headers })
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    socket.write(`${method} ${path} HTTP/1.1\r\n${head}\r\n`)
    return new RawRequest(socket)
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes)
  }

  /** One chunk of a chunked body. */
  writeChunk(bytes: string): void {
    this.socket.write(`${bytes.length.toString(16)}\r\n${bytes}\r\n`)
  }

  /** Everything that came back so far. */
  get received(): string {
    return this.#received
  }

  /** The status of the answer, once its head is there; undefined if the connection ends without one. */
  async status(): Promise<number | undefined> {
    return await this.#until(() => {
      const status = /^HTTP\/1\.1 (\d+)/.exec(this.#received)?.[1]
      return this.#received.includes('\r\n\r\n') && status !== undefined ? Number(status) : undefined
    })
  }

  /** Waits until the server has ended the connection. */
  async closed(): Promise<void> {
    await this.#until(() => undefined)
  }

  async #until<Value>(find: () => Value | undefined): Promise<Value | undefined> {
    for (;;) {
      const found = find()
      if (found !== undefined || this.socket.destroyed || this.socket.readableEnded) return found
      await delay(5)
    }
  }
}

/** Waits for what another party does; fails the test if it never comes. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('it did not come about within 5 s')
    await delay(10)
  }
}
