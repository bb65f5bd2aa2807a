import { type Upload, lengthOf } from '../../core/upload.ts'
import { inconsistentLength } from './problems.ts'

/** What a request says of the length of the whole. */
export interface LengthClaims {
  /** Upload-Length. */
  readonly announcedBytes: number | undefined
  /** Whether its body is the end of the upload. */
  readonly completes: boolean
  /** How long its body is, if that is known. */
  readonly bodyBytes: number | undefined
}

/**
 * The length of the upload, as far as this request or one before has told.
 * @throws TuskerError ERR_INVALID_LENGTH if two of them contradict each other
 */
export function agreedLength(
  upload: Pick<Upload, 'offsetBytes' | 'lengthBytes' | 'announcedLengthBytes'>,
  { announcedBytes, completes, bodyBytes }: LengthClaims,
): number | undefined {
  const { offsetBytes } = upload
  const endBytes = completes && bodyBytes !== undefined ? offsetBytes + bodyBytes : undefined
  const claims = [lengthOf(upload), announcedBytes, endBytes].filter((length) => length !== undefined)
  const [lengthBytes, ...others] = claims
  if (others.some((other) => other !== lengthBytes)) {
    throw inconsistentLength(`The length of the upload can't be ${[...new Set(claims)].join(' and ')} bytes`)
  }
  if (lengthBytes !== undefined && lengthBytes < offsetBytes) {
    throw inconsistentLength(`Upload-Length is less than the ${offsetBytes} bytes that are stored`)
  }
  return lengthBytes
}

/** Whether a body is known to go past the end of the upload. */
export function isPastEnd(
  offsetBytes: number,
  lengthBytes: number | undefined,
  { bodyBytes = 0 }: LengthClaims,
): boolean {
  return lengthBytes !== undefined && offsetBytes + bodyBytes > lengthBytes
}
