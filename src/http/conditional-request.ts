import type { IncomingHttpHeaders } from 'node:http'
import fresh from 'fresh'
import { type ClosedByteRange, parseByteRange } from '../core/byte-range.ts'

/** What conditions are compared with. */
export interface Validators {
  /** Strong, quotes included. */
  readonly etag: string
  readonly modifiedAt: Date
}

/** What is to be answered to a GET or HEAD of a file. */
export type Selection =
  | { readonly kind: 'precondition-failed' | 'not-modified' | 'whole' | 'unsatisfiable' }
  | { readonly kind: 'part'; readonly range: ClosedByteRange }

/** Evaluates the conditions and the range of a request in the order of RFC 9110, 13.2.2. */
export function selectContent(
  method: string,
  headers: IncomingHttpHeaders,
  file: Validators & { readonly sizeBytes: number },
): Selection {
  if (!preconditionsHold(headers, file)) return { kind: 'precondition-failed' }
  const lastModified = file.modifiedAt.toUTCString()
  if (fresh(headers, { etag: file.etag, 'last-modified': lastModified })) return { kind: 'not-modified' }
  const { range } = headers
  // Range is defined for GET only (RFC 9110, 14.2).
  if (method !== 'GET' || range === undefined || !ifRangeHolds(headers, file)) return { kind: 'whole' }
  const parsed = parseByteRange(range, file.sizeBytes)
  return typeof parsed === 'string' ? { kind: parsed } : { kind: 'part', range: parsed }
}

/** If-Match, and only without it If-Unmodified-Since (RFC 9110, 13.1.1 and 13.1.4). */
function preconditionsHold(headers: IncomingHttpHeaders, { etag, modifiedAt }: Validators): boolean {
  const ifMatch = headers['if-match']
  // Weak tags never match here: the comparison is the strong one.
  if (ifMatch !== undefined) return ifMatch.trim() === '*' || tagsIn(ifMatch).includes(etag)
  const since = Date.parse(headers['if-unmodified-since'] ?? '')
  return Number.isNaN(since) || toSeconds(modifiedAt.getTime()) <= toSeconds(since)
}

/** Whether a range may be sent: the client has a part of this very file (RFC 9110, 13.1.5). */
function ifRangeHolds(headers: IncomingHttpHeaders, { etag, modifiedAt }: Validators): boolean {
  const ifRange = headers['if-range']?.toString()
  return ifRange === undefined || ifRange === etag || ifRange === modifiedAt.toUTCString()
}

function tagsIn(list: string): readonly string[] {
  return list.match(/(?:W\/)?"[^"]*"/g) ?? []
}

/** HTTP dates have no fractions of seconds. */
function toSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1000)
}
