import type { RequestHandler } from 'express'
import { UPLOADS_PATH } from '../upload-url.ts'

/** The path of PUBLIC_URL, without a slash at the end; empty if it has none. */
export function basePathOf(publicUrl: string | undefined): string {
  return publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/+$/, '')
}

/** Takes the path of PUBLIC_URL off again where a proxy keeps it: with it and without it, our routes are the same. */
export function basePath(publicUrl: string | undefined): RequestHandler {
  const prefix = basePathOf(publicUrl)
  // Below our own path it could not be told from a location: there the proxy has to take it off.
  const isTaken = prefix === '' || `${prefix}/`.startsWith(`${UPLOADS_PATH}/`)
  return function stripBasePath(request, response, next) {
    if (isTaken || !request.url.startsWith(prefix)) return next()
    const rest = request.url.slice(prefix.length)
    // What the page refers to is relative to the slash at the end.
    if (rest === '' || rest.startsWith('?')) return response.redirect(308, `${prefix}/${rest}`)
    if (rest.startsWith('/')) request.url = rest
    next()
  }
}
