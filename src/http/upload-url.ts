import type { IncomingMessage } from 'node:http'
import type { Request } from 'express'
import { TuskerError } from '../core/errors.ts'
import type { UploadId } from '../core/upload-id.ts'
import { type ForwardedOrigin, forwardedOrigins } from './forwarded.ts'

/** Where uploads are, below the server's own URL. */
export const UPLOADS_PATH = '/files'

export interface UploadUrlOptions {
  /** How clients reach the server, where their requests don't say it. */
  readonly publicUrl?: string | undefined
  /** Upload URLs are told relative to the URL that was asked. */
  readonly relativeLocation?: boolean | undefined
}

// A name, an IPv4 or a bracketed IPv6 address, and a port: nothing that could mean something else in a URL.
const PLAIN_HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

const DEFAULT_PORT = { http: /:80$/, https: /:443$/ } as const

/**
 * Makes the URL of an upload as the client that asks can reach it, for the uploads of one location.
 * @throws TuskerError ERR_BAD_REQUEST if the request names no sound host
 */
export function uploadUrlMaker(
  options: UploadUrlOptions,
  locationName: string,
): (request: IncomingMessage, id: UploadId) => string {
  const location = encodeURIComponent(locationName)
  return (request, id) =>
    options.relativeLocation === true
      ? relativeUrl(request as Request, location, id)
      : `${baseUrlOf(request, options.publicUrl)}${UPLOADS_PATH}/${location}/${id}`
}

/** @throws TuskerError ERR_BAD_REQUEST if the URL of an upload could not be told to the one that asks */
export function requireUploadUrl(request: IncomingMessage, options: UploadUrlOptions): void {
  if (options.relativeLocation !== true) baseUrlOf(request, options.publicUrl)
}

/**
 * A relative reference (RFC 3986, section 4.2) to an upload, from the collection that was asked. It has no path from
 * the root: a proxy may have put our paths anywhere below its own.
 */
function relativeUrl({ originalUrl, params }: Request, location: string, id: UploadId): string {
  const segments = [UPLOADS_PATH.slice(1), location, id]
  const asked = params['location'] === undefined ? 1 : 2
  const hasSlash = originalUrl.split('?', 1)[0]?.endsWith('/') === true
  // `/files/` resolves in /files/, `/files` beside it.
  return segments.slice(hasSlash ? asked : asked - 1).join('/')
}

/**
 * How the client reaches this server, without a slash at the end: PUBLIC_URL, base path included, or else what a
 * trusted proxy says, or else the scheme and host of the request.
 * @throws TuskerError ERR_BAD_REQUEST if the host is missing or no plain host[:port], or is told in two ways that differ
 */
function baseUrlOf(received: IncomingMessage, publicUrl: string | undefined): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '')
  // Whatever gets here came through the app, which makes requests those of Express.
  const request = received as Request
  const origins = new Set(forwardedOrigins(request).map((origin) => originUrl(origin, request)))
  // A proxy sets one of the two headers and passes the other on, maybe a client's: which is which can't be seen.
  if (origins.size > 1) {
    throw new TuskerError('ERR_BAD_REQUEST', {
      message:
        'X-Forwarded-* and Forwarded contradict each other: the proxy must set one and remove the other',
    })
  }
  const [told = originUrl({ scheme: undefined, host: undefined }, request)] = origins
  return told
}

function originUrl(origin: ForwardedOrigin, { headers }: Request): string {
  const scheme = schemeOf(origin.scheme) ?? 'http'
  const host = origin.host ?? headers.host ?? ''
  requirePlainHost(host)
  return `${scheme}://${host.replace(DEFAULT_PORT[scheme], '')}`
}

/** @throws TuskerError ERR_BAD_REQUEST unless `host` is a plain host[:port] */
export function requirePlainHost(host: string): void {
  if (!PLAIN_HOST.test(host)) {
    throw new TuskerError('ERR_BAD_REQUEST', { message: 'The Host header is missing or not valid' })
  }
}

function schemeOf(text: string | undefined): keyof typeof DEFAULT_PORT | undefined {
  const scheme = text?.toLowerCase()
  return scheme === 'http' || scheme === 'https' ? scheme : undefined
}
