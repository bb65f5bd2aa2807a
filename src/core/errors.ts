/** Every error that a person or client can meet: code → HTTP status and a message that is safe to show. */
const ERROR_TABLE = {
  ERR_UNSUPPORTED_VERSION: [412, 'This server speaks tus 1.0.0: send Tus-Resumable: 1.0.0'],
  ERR_INVALID_METHOD_OVERRIDE: [400, 'X-HTTP-Method-Override must name a method that this URL supports'],
  ERR_INVALID_CONTENT_TYPE: [415, 'Content-Type must be application/offset+octet-stream'],
  ERR_INVALID_OFFSET: [400, 'Upload-Offset must be a whole number of bytes'],
  ERR_INVALID_LENGTH: [400, 'Upload-Length must be a whole number of bytes'],
  ERR_INVALID_METADATA: [400, 'Upload-Metadata must be a list of unique "key base64value" pairs'],
  ERR_METADATA_TOO_LARGE: [431, 'Upload-Metadata is too large'],
  ERR_HEADERS_TOO_LARGE: [431, 'The headers of the request are too large'],
  ERR_REQUEST_TIMEOUT: [408, 'The request did not arrive in time'],
  ERR_INVALID_CHECKSUM: [400, 'Upload-Checksum must be an algorithm, a space and a Base64 digest'],
  ERR_UNSUPPORTED_CHECKSUM: [400, 'This server does not know that checksum algorithm'],
  // tus 1.0.0, checksum: its own status, with the reason phrase "Checksum Mismatch".
  ERR_CHECKSUM_MISMATCH: [460, 'The body does not match its Upload-Checksum; nothing of it was kept'],
  ERR_INVALID_CONCAT: [400, 'Upload-Concat must be "partial", or "final;" and the URLs of partial uploads'],
  ERR_MODIFY_FINAL: [403, 'A final upload is made of its partial uploads: it takes no bytes of its own'],
  ERR_UNSUPPORTED_EXTENSION: [501, 'This server does not offer that tus extension'],
  ERR_OFFSET_MISMATCH: [409, 'Upload-Offset is not the current offset of the upload'],
  ERR_UPLOAD_NOT_FOUND: [404, 'There is no such upload'],
  ERR_UPLOAD_INCOMPLETE: [404, 'The upload is not finished yet'],
  ERR_UPLOAD_GONE: [410, 'The storage no longer has the bytes of this upload: start it again'],
  ERR_UPLOAD_EXPIRED: [410, 'The upload has expired'],
  ERR_UPLOAD_INVALIDATED: [
    400,
    'The body went past the length of the upload, which is no more: start it again',
  ],
  ERR_MAX_SIZE_EXCEEDED: [413, 'The upload is larger than this server accepts'],
  ERR_UPLOAD_SIZE_EXCEEDED: [413, 'The body is longer than what is left of the upload'],
  // 423, not 409 or 5xx: tus-js-client retries it on every method, HEAD included.
  ERR_UPLOAD_LOCKED: [423, 'The upload is in use by another request'],
  ERR_UPLOAD_INTERRUPTED: [423, 'Another request took over this upload; the bytes received so far are kept'],
  // 5xx, not 408: tus clients give up on a 4xx and retry a 5xx (tusd does the same).
  ERR_BODY_IDLE: [503, 'No bytes arrived for too long; the bytes received so far are kept'],
  ERR_SERVER_SHUTDOWN: [503, 'The server is shutting down; the bytes received so far are kept'],
  ERR_LOCATION_NOT_FOUND: [404, 'There is no such storage location'],
  ERR_LOCATION_READ_ONLY: [403, 'This storage location is read-only'],
  ERR_LOCATION_DRAINING: [403, 'This storage location takes no new uploads'],
  ERR_OBJECT_NOT_FOUND: [404, 'There is no such object'],
  ERR_INVALID_KEY: [400, 'The object key is not valid'],
  ERR_PRECONDITION_FAILED: [412, 'The file has changed'],
  ERR_RANGE_NOT_SATISFIABLE: [416, 'The requested range is outside of the file'],
  ERR_STORAGE_FULL: [507, 'The storage is full'],
  ERR_STORAGE_UNAVAILABLE: [503, 'The storage does not answer, try again later'],
  ERR_STORAGE_REJECTED: [500, 'The storage refused the request'],
  ERR_UPLOAD_DAMAGED: [500, 'What the storage holds does not match the upload'],
  ERR_ORIGIN_NOT_ALLOWED: [403, 'This origin may not use the server'],
  ERR_METHOD_NOT_ALLOWED: [405, 'This URL does not support that method'],
  ERR_ROUTE_NOT_FOUND: [404, 'There is nothing at this URL'],
  ERR_BAD_REQUEST: [400, 'The request is not valid'],
  ERR_INTERNAL: [500, 'Something went wrong on the server'],
} as const satisfies Record<`ERR_${string}`, readonly [status: number, message: string]>

/** A stable name for a fault, for clients and logs. */
export type ErrorCode = keyof typeof ERROR_TABLE

/** What an answer of application/problem+json says beside status and detail (RFC 9457). */
export type ProblemMembers = Readonly<Record<string, string | number>> & {
  readonly type: string
  readonly title: string
}

export interface TuskerErrorOptions {
  /** Replaces the table's message; it is shown to clients, so it must name nothing internal. */
  readonly message?: string
  /** For a fault that a protocol has a problem type for: the answer is of that format then. */
  readonly problem?: ProblemMembers
  /** What lies behind it: logged, never shown. */
  readonly cause?: unknown
  /** Facts for the log (ids, locations, offsets), never shown. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** The one error class: anything else that reaches the edge is answered as ERR_INTERNAL, without details. */
export class TuskerError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly details: Readonly<Record<string, unknown>>
  readonly problem: ProblemMembers | undefined

  constructor(code: ErrorCode, options: TuskerErrorOptions = {}) {
    const [status, message] = ERROR_TABLE[code]
    super(options.message ?? message, { cause: options.cause })
    this.name = 'TuskerError'
    this.code = code
    this.status = status
    this.details = options.details ?? {}
    this.problem = options.problem
  }
}

/** Whether `error` is a TuskerError with one of `codes`. */
export function isTuskerError(error: unknown, ...codes: readonly ErrorCode[]): error is TuskerError {
  return error instanceof TuskerError && (codes.length === 0 || codes.includes(error.code))
}

/** What a client may be told about any error: itself if it is ours, else ERR_INTERNAL with the cause kept for the log. */
export function toTuskerError(error: unknown): TuskerError {
  return error instanceof TuskerError ? error : new TuskerError('ERR_INTERNAL', { cause: error })
}
