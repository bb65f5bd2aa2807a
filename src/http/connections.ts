import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface Connections {
  /** Closes every connection as soon as it has no request running, and says so in the answers that are still to come. */
  closeWhenIdle(): void
}

/**
 * Knows which connections are busy. Server.closeIdleConnections leaves those open that never sent anything, and
 * browsers keep such connections ready.
 */
export function trackConnections(server: Server): Connections {
  const idle = new Set<Socket>()
  const running = new Set<ServerResponse>()
  let isClosing = false

  server.on('connection', (socket: Socket) => {
    idle.add(socket)
    socket.once('close', () => idle.delete(socket))
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    idle.delete(socket)
    running.add(response)
    response.once('close', () => {
      running.delete(response)
      if (isClosing) socket.end(() => socket.destroy())
      else if (!socket.destroyed) idle.add(socket)
    })
  })

  return {
    closeWhenIdle: () => {
      isClosing = true
      for (const response of running) {
        if (!response.headersSent) response.setHeader('Connection', 'close')
      }
      for (const socket of idle) socket.destroy()
    },
  }
}
