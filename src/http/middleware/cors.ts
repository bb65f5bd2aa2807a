import cors from 'cors'
import type { Request, RequestHandler } from 'express'
import { TuskerError } from '../../core/errors.ts'

export interface CorsOptions {
  readonly enabled: boolean
  /** true: every origin; false: none; or the origins that may. */
  readonly origins: boolean | readonly string[]
  /** Counts only with a list of origins: not any page on the web may act with a person's cookies. */
  readonly credentials: boolean
  /** Beside those that tus and downloads need. */
  readonly allowedHeaders: readonly string[]
  /** Beside those that tus and downloads need. */
  readonly exposedHeaders: readonly string[]
  readonly maxAgeSeconds: number
}

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS']

/** What tus clients, old and coming, and those who download send. */
const ALLOWED_HEADERS = [
  'Authorization',
  'Content-Disposition',
  'Content-Type',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'If-Range',
  'If-Unmodified-Since',
  'Range',
  'Tus-Resumable',
  'Upload-Checksum',
  'Upload-Complete',
  'Upload-Concat',
  'Upload-Defer-Length',
  'Upload-Draft-Interop-Version',
  'Upload-Incomplete',
  'Upload-Length',
  'Upload-Metadata',
  'Upload-Offset',
  'X-HTTP-Method-Override',
  'X-Request-ID',
  'X-Requested-With',
]

/** What they read. */
const EXPOSED_HEADERS = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Last-Modified',
  'Location',
  'Retry-After',
  'Tus-Checksum-Algorithm',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Resumable',
  'Tus-Version',
  'Upload-Complete',
  'Upload-Concat',
  'Upload-Defer-Length',
  'Upload-Draft-Interop-Version',
  'Upload-Expires',
  'Upload-Incomplete',
  'Upload-Length',
  'Upload-Limit',
  'Upload-Metadata',
  'Upload-Offset',
  'X-Request-ID',
]

/**
 * Lets pages of other origins upload and download, and refuses those that may not. Preflights are answered here; an
 * OPTIONS that is none goes on to tus. Not enabled, it neither adds nor refuses anything.
 * @param ownOrigin the origin of PUBLIC_URL, if there is one
 */
export function crossOrigin(options: CorsOptions, ownOrigin: string | undefined): RequestHandler {
  if (!options.enabled) return (_request, _response, next) => next()
  const addHeaders = cors(headerOptions(options))
  return function applyCors(request, response, next) {
    response.vary('Origin')
    const origin = request.get('origin')
    if (origin === undefined || origin === ownOrigin || isSameOrigin(origin, request)) return next()
    if (!isAllowed(origin, options)) throw new TuskerError('ERR_ORIGIN_NOT_ALLOWED', { details: { origin } })
    addHeaders(request, response, (error?: unknown) => {
      if (error !== undefined || !isPreflight(request)) return next(error)
      response.status(204).end()
    })
  }
}

function headerOptions(options: CorsOptions): cors.CorsOptions {
  const { origins } = options
  return {
    origin: typeof origins === 'boolean' ? '*' : [...origins],
    credentials: typeof origins !== 'boolean' && options.credentials,
    methods: METHODS,
    allowedHeaders: [...ALLOWED_HEADERS, ...options.allowedHeaders],
    exposedHeaders: [...EXPOSED_HEADERS, ...options.exposedHeaders],
    maxAge: options.maxAgeSeconds,
    preflightContinue: true,
  }
}

/**
 * Browsers send Origin with POST, PATCH and DELETE to the page's own server too. Only the hosts are compared: behind a
 * proxy with the certificate we see http where the browser sees https. Sec-Fetch-Site, which no script can set, knows
 * better where a proxy changes the host.
 */
function isSameOrigin(origin: string, request: Request): boolean {
  if (request.get('sec-fetch-site') === 'same-origin') return true
  return URL.canParse(origin) && new URL(origin).host === request.get('host')?.toLowerCase()
}

function isAllowed(origin: string, { origins }: CorsOptions): boolean {
  return typeof origins === 'boolean' ? origins : origins.includes(origin)
}

function isPreflight(request: Request): boolean {
  return request.method === 'OPTIONS' && request.get('access-control-request-method') !== undefined
}
