import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorCode, TuskerError } from '../core/errors.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'ERR_HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'ERR_REQUEST_TIMEOUT',
}

/**
 * Answers what Node can't read as HTTP in the form of our other errors: such requests never reach the app, and
 * Node's own answer has no body, and no Tus-Resumable, which tus wants in every one (C-05).
 */
export function answerUnreadable(server: Server): void {
  const answering = new WeakMap<Duplex, ServerResponse>()
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    answering.set(socket, response)
    response.once('close', () => answering.delete(socket))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const hasAnswer = answering.get(socket)?.headersSent === true
    if (socket.writable && !hasAnswer && error.code !== 'ECONNRESET') socket.write(answerTo(error))
    socket.destroy()
  })
}

function answerTo({ code = '' }: NodeJS.ErrnoException): string {
  const error = new TuskerError(CODES[code] ?? 'ERR_BAD_REQUEST')
  const body = JSON.stringify({ error: { code: error.code, message: error.message } })
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'Connection: close',
    'Tus-Resumable: 1.0.0',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}
