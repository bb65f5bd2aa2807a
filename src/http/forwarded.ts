import type { Request } from 'express'

/** How a client reached the proxy in front, as far as a header says it. */
export interface ForwardedOrigin {
  readonly scheme: string | undefined
  readonly host: string | undefined
}

/** Express's "trust proxy fn": whether the one with this address, so many hops away, is a proxy that is believed. */
type IsTrusted = (address: string, hop: number) => boolean

/**
 * What the proxies in front say, one entry for each way of saying it that is used: X-Forwarded-* and Forwarded. None
 * from a peer that is not trusted. A header may have come from the client and have been passed on, or appended to:
 * what counts is what the nearest proxy wrote, at the end, and not, as Express has it, what stands first.
 */
export function forwardedOrigins({ app, headers, socket }: Request): ForwardedOrigin[] {
  const isTrusted = app.get('trust proxy fn') as IsTrusted
  if (!isTrusted(socket.remoteAddress ?? '', 0)) return []
  const customary = {
    scheme: lastOf(headers['x-forwarded-proto']),
    host: lastOf(headers['x-forwarded-host']),
  }
  const standard = readForwarded(headers.forwarded, isTrusted)
  return [customary, standard].filter(({ scheme, host }) => scheme !== undefined || host !== undefined)
}

function lastOf(list: string | string[] | undefined): string | undefined {
  return [list ?? []].flat().join(',').split(',').at(-1)?.trim() || undefined
}

/**
 * RFC 7239. Each proxy appends an element that names the one it was asked by (`for`): from the end, elements are
 * believed as long as those they name are trusted proxies, so that the outermost of these says how it was reached.
 */
function readForwarded(list: string | undefined, isTrusted: IsTrusted): ForwardedOrigin {
  // Split at every comma, in quotes or not: a quote that a client left open must not swallow what a proxy appended.
  const elements = (list ?? '').split(',').map(parseElement)
  let index = elements.length - 1
  for (let hop = 1; index > 0 && isTrusted(addressOf(elements[index]?.get('for')), hop); hop += 1) index -= 1
  const believed = elements[index]
  return { scheme: believed?.get('proto'), host: believed?.get('host') }
}

function parseElement(element: string): ReadonlyMap<string, string> {
  const pairs = element.matchAll(/(?:^|;)\s*(\w+)\s*=\s*(?:"([^"]*)"|([^;\s]*))/g)
  return new Map(
    [...pairs].map(([, name = '', quoted, plain]) => [name.toLowerCase(), quoted ?? plain ?? '']),
  )
}

/** The address in `192.0.2.1`, `192.0.2.1:4711` or `[2001:db8::1]:4711`; `unknown` and `_name` are none. */
function addressOf(node = ''): string {
  return /^\[(.+)\]/.exec(node)?.[1] ?? node.split(':', 1)[0] ?? ''
}
