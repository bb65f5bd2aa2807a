import { randomUUID } from 'node:crypto'
import type { RequestHandler } from 'express'

// Nothing that could break a header or a log line, and short: the id comes from anybody.
const SAFE_ID = /^[\w.:+/=-]{1,128}$/

/** Gives each request an id, the client's own X-Request-ID if that is harmless, and sends it back. */
export function requestId(): RequestHandler {
  return function assignRequestId(request, response, next) {
    const given = request.get('x-request-id') ?? ''
    const id = SAFE_ID.test(given) ? given : randomUUID()
    request.id = id
    response.set('X-Request-ID', id)
    next()
  }
}
