import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** So much of a body that nobody wants is read, so that a client which reads only after sending gets to its answer. */
const DRAIN_LIMIT_BYTES = 16 * 1024 ** 2

/** How long a client that is still sending may take to read its answer before the connection is closed. */
const LINGER_MS = 2_000

/**
 * To be called when a request has been served, before or after its answer. Reads and drops what is left of the body:
 * closing a socket that has unread bytes resets the connection, and a reset takes the answer with it. A body that ends
 * leaves the connection usable; one that goes on is cut off, in bounded bytes and time.
 */
export function drainRequest(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || request.destroyed) {
    request.resume()
    return
  }
  const { socket } = request
  const stopLingering = lingerBeforeClosing(socket)
  const timer = setTimeout(() => destroyOnceAnswered(socket, response), LINGER_MS).unref()
  let roomBytes = DRAIN_LIMIT_BYTES
  request.on('data', (chunk: Buffer) => {
    roomBytes -= chunk.byteLength
    // The client is slowed down then, not cut off: it may still read its answer.
    if (roomBytes <= 0) request.pause()
  })
  const settle = (): void => {
    clearTimeout(timer)
    stopLingering()
  }
  request.once('end', settle).once('close', settle)
  request.resume()
}

/**
 * After an answer with `Connection: close`, Node calls destroySoon(): that is a reset if the client is still sending.
 * Until the returned function is called, it only says that we send no more.
 */
function lingerBeforeClosing(socket: Socket): () => void {
  socket.destroySoon = () => void socket.end()
  return () => {
    Reflect.deleteProperty(socket, 'destroySoon')
    if (socket.writableEnded) socket.destroySoon()
  }
}

function destroyOnceAnswered(socket: Socket, response: ServerResponse): void {
  if (response.writableFinished || response.destroyed) socket.destroy()
  else response.once('finish', () => socket.destroy())
}
