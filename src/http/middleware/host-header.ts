import type { RequestHandler } from 'express'
import { requirePlainHost } from '../upload-url.ts'

/** Refuses a malformed Host, as RFC 9112 section 3.2 demands: it would be reflected in upload URLs. */
export function hostHeader(): RequestHandler {
  return function checkHost(request, _response, next) {
    // Requests of HTTP/1.0 may lack one; for HTTP/1.1 Node sees to it.
    if (request.headers.host !== undefined) requirePlainHost(request.headers.host)
    next()
  }
}
