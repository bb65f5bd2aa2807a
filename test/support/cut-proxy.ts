import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A bad network between a client and a server on this machine. */
export interface CutProxy {
  /** http://127.0.0.1:PORT, without a slash at the end. */
  readonly url: string
  /** Bytes that went on to the server so far. */
  bytesToServer(): number
  /** How fast bytes go on to the server, on each connection; Infinity to begin with. */
  setBytesPerSecond(bytesPerSecond: number): void
  /** Resets every connection, and new ones too until restore(). */
  cut(): void
  restore(): void
  close(): Promise<void>
}

interface Line {
  bytesToServer: number
  bytesPerSecond: number
}

export async function startCutProxy(serverPort: number): Promise<CutProxy> {
  const line: Line = { bytesToServer: 0, bytesPerSecond: Infinity }
  const sockets = new Set<Socket>()
  let isCut = false

  const proxy = createServer({ noDelay: true }, (client) => {
    if (isCut) client.resetAndDestroy()
    else forward(client)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')

  function forward(client: Socket): void {
    const server = connect({ port: serverPort, host: '127.0.0.1', noDelay: true })
    for (const socket of [client, server]) track(socket, sockets)
    join(client, server)
    void sendSlowly(client, server, line).catch(() => server.destroy())
    server.pipe(client)
  }

  function reset(): void {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    bytesToServer: () => line.bytesToServer,
    setBytesPerSecond: (bytesPerSecond) => {
      line.bytesPerSecond = bytesPerSecond
    },
    cut: () => {
      isCut = true
      reset()
    },
    restore: () => {
      isCut = false
    },
    close: async () => {
      proxy.close()
      reset()
      await once(proxy, 'close')
    },
  }
}

function track(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket)
  // A reset is what this proxy is for.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => sockets.delete(socket))
}

/** What ends one side ends the other. */
function join(one: Socket, other: Socket): void {
  one.on('close', () => other.destroy())
  other.on('close', () => one.destroy())
}

async function sendSlowly(client: Socket, server: Socket, line: Line): Promise<void> {
  for await (const chunk of client as AsyncIterable<Buffer>) {
    await delay((chunk.length / line.bytesPerSecond) * 1000)
    line.bytesToServer += chunk.length
    if (!server.write(chunk)) await once(server, 'drain')
  }
  server.end()
}
