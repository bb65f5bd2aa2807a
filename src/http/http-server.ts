import { type RequestListener, type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Connections, trackConnections } from './connections.ts'
import { answerUnreadable } from './unreadable-requests.ts'

export interface HttpServer {
  readonly server: Server
  readonly connections: Connections
}

export interface ListenOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

export interface ShutDownOptions {
  /** Makes running uploads store what they received and answer. */
  readonly interrupt: () => Promise<void>
  /** After this, what still runs is cut. */
  readonly timeoutMs: number
}

const SERVER_OPTIONS = {
  // Node's 300 s would cut every upload that takes longer; a body that stalls is ended by tus, which counts idle time.
  requestTimeout: 0,
  headersTimeout: 60_000,
  // Longer than the 60 s of usual proxies: they must be the ones to close, or a request meets a closing connection.
  keepAliveTimeout: 65_000,
  // Room for the URLs of some hundred partial uploads in one Upload-Concat; Node's 16 KiB end at 150.
  maxHeaderSize: 64 * 1024,
}

/** Serves an app over HTTP; not listening yet. */
export function createHttpServer(app: RequestListener): HttpServer {
  const server = createServer(SERVER_OPTIONS)
  const connections = trackConnections(server)
  answerUnreadable(server)
  server.on('request', app)
  // Node would say 100 Continue to everything; who reads the body knows whether it is wanted.
  server.on('checkContinue', (request, response) => server.emit('request', request, response))
  return { server, connections }
}

/** Opens the port and tells which it is. @throws Error that says in plain words why it can't be opened */
export async function listen({ server }: HttpServer, { host, port }: ListenOptions): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => reject(listenError(error, host, port))
    server.once('error', fail)
    server.listen({ host, port }, () => {
      server.off('error', fail)
      resolve()
    })
  })
  return (server.address() as AddressInfo).port
}

/**
 * Takes no more connections, closes those without a request, and waits for the others.
 * @returns false if requests had to be cut because the time was up
 */
export async function shutDown(
  { server, connections }: HttpServer,
  { interrupt, timeoutMs }: ShutDownOptions,
): Promise<boolean> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  connections.closeWhenIdle()
  let isClean = true
  const timer = setTimeout(() => {
    isClean = false
    server.closeAllConnections()
  }, timeoutMs)
  try {
    // An interrupt that hangs does not outlive the connections that it waits for.
    await Promise.all([Promise.race([interrupt(), closed]), closed])
  } finally {
    clearTimeout(timer)
  }
  return isClean
}

const LISTEN_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses that port: set PORT to a free one',
  EACCES: 'this user may not open that port (ports below 1024 are for the administrator)',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'there is no host of that name',
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const reason = LISTEN_FAULTS[error.code ?? ''] ?? error.message
  return new Error(`Can't listen on ${host}, port ${port}: ${reason}`, { cause: error })
}
