import type { IncomingMessage } from 'node:http'
import type { Request } from 'express'
import { TuskerError } from '../core/errors.ts'
import type { UploadId } from '../core/upload-id.ts'

/** Where uploads are, below the server's own URL. */
export const UPLOADS_PATH = '/files'

// A name, an IPv4 or a bracketed IPv6 address, and a port: nothing that could mean something else in a URL.
const PLAIN_HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

const DEFAULT_PORT = { http: /:80$/, https: /:443$/ } as const

/**
 * Makes the URL of an upload as the client that asks can reach it, for the uploads of one location.
 * @throws TuskerError ERR_BAD_REQUEST if the request names no sound host
 */
export function uploadUrlMaker(
  publicUrl: string | undefined,
  locationName: string,
): (request: IncomingMessage, id: UploadId) => string {
  return (request, id) =>
    `${baseUrlOf(request, publicUrl)}${UPLOADS_PATH}/${encodeURIComponent(locationName)}/${id}`
}

/**
 * How the client reaches this server, without a slash at the end: PUBLIC_URL, base path included, or else the scheme
 * and host of the request. Forwarded and X-Forwarded-* count only if the peer is a proxy that is trusted.
 * @throws TuskerError ERR_BAD_REQUEST if the host is missing or no plain host[:port]
 */
export function baseUrlOf(received: IncomingMessage, publicUrl: string | undefined): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '')
  // Whatever gets here came through the app, which makes requests those of Express.
  const request = received as Request
  const forwarded = isFromTrustedProxy(request) ? readForwarded(request) : {}
  const scheme = schemeOf(forwarded.scheme) ?? schemeOf(request.protocol) ?? 'http'
  const host = forwarded.host ?? request.host ?? ''
  requirePlainHost(host)
  return `${scheme}://${host.replace(DEFAULT_PORT[scheme], '')}`
}

/** @throws TuskerError ERR_BAD_REQUEST unless `host` is a plain host[:port] */
export function requirePlainHost(host: string): void {
  if (!PLAIN_HOST.test(host)) {
    throw new TuskerError('ERR_BAD_REQUEST', { message: 'The Host header is missing or not valid' })
  }
}

function isFromTrustedProxy({ app, socket }: Request): boolean {
  const isTrusted = app.get('trust proxy fn') as (address: string | undefined, hop: number) => boolean
  return isTrusted(socket.remoteAddress, 0)
}

/** The standard header, RFC 7239; Express reads the customary X-Forwarded-* for us. Its first element is the client's proxy. */
function readForwarded({ headers }: Request): { scheme?: string | undefined; host?: string | undefined } {
  const [first = ''] = (headers.forwarded ?? '').split(',')
  const pairs = first.matchAll(/(?:^|;)\s*(\w+)\s*=\s*(?:"([^"]*)"|([^;\s]*))/g)
  const parameters = new Map(
    [...pairs].map(([, name = '', quoted, plain]) => [name.toLowerCase(), quoted ?? plain]),
  )
  return { scheme: parameters.get('proto'), host: parameters.get('host') }
}

function schemeOf(text: string | undefined): keyof typeof DEFAULT_PORT | undefined {
  const scheme = text?.toLowerCase()
  return scheme === 'http' || scheme === 'https' ? scheme : undefined
}
