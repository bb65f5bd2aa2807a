import { isTuskerError } from '../core/errors.ts'

/** An error as it is logged. */
export interface LoggedError {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly details?: object
  readonly stack?: string
  readonly cause?: LoggedError
}

const MAX_CAUSES = 5

/**
 * What the log says of an error and its causes: named fields only. Errors of HTTP clients and of the AWS SDK carry
 * whole requests with their signatures, which must not reach a log.
 */
export function serializeError(error: unknown, causesLeft = MAX_CAUSES): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) }
  const { cause, stack } = error
  return {
    type: error.name,
    message: error.message,
    ...('code' in error && { code: String(error.code) }),
    ...(isTuskerError(error) && { details: error.details }),
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && causesLeft > 0 && { cause: serializeError(cause, causesLeft - 1) }),
  }
}
