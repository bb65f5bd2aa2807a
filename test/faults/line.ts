import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'

/** The network between the clients and a server that comes and goes; its address stays, and upload URLs with it. */
export interface Line {
  /** http://127.0.0.1:PORT, without a slash at the end. */
  readonly url: string
  /** Where the server listens now; undefined while it is down: connections are reset then. */
  setServerPort(port: number | undefined): void
  /** Told of all bytes that came from clients since the last call of this. */
  watch(onClientBytes: (totalBytes: number) => void): void
  /** Resets every connection. */
  cut(): void
  /** Throws away the next bytes that the server sends, and resets their connection. */
  loseNextAnswer(): void
  /** Takes back what is still to go wrong. */
  heal(): void
  close(): Promise<void>
}

interface State {
  port: number | undefined
  clientBytes: number
  losesNextAnswer: boolean
  onClientBytes: (totalBytes: number) => void
}

export async function openLine(): Promise<Line> {
  const state: State = {
    port: undefined,
    clientBytes: 0,
    losesNextAnswer: false,
    onClientBytes: () => undefined,
  }
  const sockets = new Set<Socket>()
  const listener = createServer({ noDelay: true }, (client) => {
    track(client, sockets)
    forward(client, state, sockets)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    setServerPort: (port) => (state.port = port),
    watch: (onClientBytes) => {
      state.clientBytes = 0
      state.onClientBytes = onClientBytes
    },
    cut,
    loseNextAnswer: () => (state.losesNextAnswer = true),
    heal: () => (state.losesNextAnswer = false),
    close: async () => {
      listener.close()
      cut()
      await once(listener, 'close')
    },
  }
}

function track(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket)
  // A reset is what this line is for.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => sockets.delete(socket))
}

function forward(client: Socket, state: State, sockets: Set<Socket>): void {
  if (state.port === undefined) {
    client.resetAndDestroy()
    return
  }
  const server = connect({ port: state.port, host: '127.0.0.1', noDelay: true })
  track(server, sockets)
  client.on('close', () => server.destroy())
  // After a clean end, what was forwarded is still on its way to the client.
  server.on('close', () => void (server.readableEnded ? client.end() : client.destroy()))
  client.on('data', (chunk: Buffer) => {
    state.clientBytes += chunk.byteLength
    state.onClientBytes(state.clientBytes)
  })
  client.pipe(server)
  server.on('data', (chunk: Buffer) => {
    if (state.losesNextAnswer) {
      state.losesNextAnswer = false
      client.resetAndDestroy()
      return
    }
    if (client.write(chunk)) return
    server.pause()
    client.once('drain', () => server.resume())
  })
  server.on('end', () => client.end())
}
