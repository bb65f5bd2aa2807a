import type { ByteRange } from './driver.ts'

/** A range with both ends known, both included. */
export type ClosedByteRange = Required<{ readonly [key in keyof ByteRange]: number }>

// One range only: `first-`, `first-last` or `-suffixLength`. Unit names are case-insensitive (RFC 9110, 14.1).
const SINGLE_RANGE = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/i

/**
 * What a Range header asks for of `sizeBytes` bytes: a range; 'unsatisfiable', to be answered 416; or 'whole' if it is
 * malformed, in another unit or has several ranges: a server may always ignore Range (RFC 9110, 14.2).
 */
export function parseByteRange(
  header: string,
  sizeBytes: number,
): ClosedByteRange | 'unsatisfiable' | 'whole' {
  const [match, first = '', last = '', suffix = ''] = SINGLE_RANGE.exec(header.trim()) ?? []
  if (match === undefined) return 'whole'
  if (suffix !== '') return suffixRange(Number(suffix), sizeBytes)
  const start = Number(first)
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  // A last position before the first makes the header invalid, not unsatisfiable (RFC 9110, 14.1.1).
  if (last !== '' && Number(last) < start) return 'whole'
  return start < sizeBytes ? { start, end } : 'unsatisfiable'
}

/** The last `lengthBytes` bytes: all there are, if there are fewer. */
function suffixRange(lengthBytes: number, sizeBytes: number): ClosedByteRange | 'unsatisfiable' {
  if (lengthBytes === 0 || sizeBytes === 0) return 'unsatisfiable'
  return { start: Math.max(0, sizeBytes - lengthBytes), end: sizeBytes - 1 }
}
