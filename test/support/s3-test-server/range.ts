import { S3Error } from './s3-error.ts'

/** Both ends are included. */
export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * What a Range header asks for: `0-99`, `100-` or `-50`; undefined if it is to be ignored, as everything that is
 * malformed or has several ranges is.
 * @throws S3Error InvalidRange if there is no such byte
 */
export function parseRange(header: string, sizeBytes: number): Span | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? []
  if (first === '' && last === '') return undefined
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  if (start > end) throw new S3Error('InvalidRange', 'The requested range is not satisfiable')
  return { start, end }
}

/** x-amz-copy-source-range: both ends have to be given and to be there. @throws S3Error InvalidArgument */
export function parseCopyRange(header: string, sizeBytes: number): Span {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? []
  const span = { start: Number(first ?? Number.NaN), end: Number(last ?? Number.NaN) }
  if (span.start <= span.end && span.end < sizeBytes) return span
  throw new S3Error('InvalidArgument', `The range ${header} is not valid for a source of ${sizeBytes} bytes`)
}
