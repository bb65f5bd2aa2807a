import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'

/** A network between a client and a server that can die without telling either: no FIN, no RST, just silence. */
export interface DeadLine {
  readonly port: number
  /** From now on nothing passes, whatever the ends do. */
  die(): void
  /** Resolves when the server has closed the connections that it still had. */
  serverLetGo(): Promise<void>
  close(): Promise<void>
}

export async function openDeadLine(serverPort: number): Promise<DeadLine> {
  const sockets = new Set<Socket>()
  const letGo: Promise<unknown>[] = []
  let isDead = false
  const pass = (from: Socket, to: Socket): void => {
    from.on('error', () => undefined)
    from.on('data', (chunk: Buffer) => isDead || to.write(chunk))
    from.on('close', () => isDead || to.destroy())
    sockets.add(from)
  }
  const listener = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1')
    letGo.push(once(server, 'close'))
    pass(client, server)
    pass(server, client)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    die: () => (isDead = true),
    serverLetGo: async () => void (await Promise.all(letGo)),
    close: async () => {
      listener.close()
      for (const socket of sockets) socket.destroy()
      await once(listener, 'close')
    },
  }
}
