import { TuskerError } from '../../core/errors.ts'

const REGISTRY = 'https://iana.org/assignments/http-problem-types'

const INCONSISTENT_LENGTH = {
  type: `${REGISTRY}#inconsistent-upload-length`,
  title: 'inconsistent length values for upload',
}

export const PAST_END = 'The body goes past Upload-Length'

/** The client is not where the upload is. */
export function mismatchingOffset(expectedBytes: number, providedBytes: number): TuskerError {
  return new TuskerError('ERR_OFFSET_MISMATCH', {
    message: `Upload-Offset is ${providedBytes}, but the upload is at ${expectedBytes}`,
    problem: {
      type: `${REGISTRY}#mismatching-upload-offset`,
      title: 'offset from request does not match offset of resource',
      'expected-offset': expectedBytes,
      'provided-offset': providedBytes,
    },
  })
}

/** What the requests say of the length does not fit together. */
export function inconsistentLength(message: string): TuskerError {
  return new TuskerError('ERR_INVALID_LENGTH', { message, problem: INCONSISTENT_LENGTH })
}

/** More bytes than the upload has: it is no more. */
export function invalidatedUpload(): TuskerError {
  return new TuskerError('ERR_UPLOAD_INVALIDATED', { problem: INCONSISTENT_LENGTH })
}
