import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { type ProblemMembers, TuskerError, toTuskerError } from '../core/errors.ts'
import { methodOf } from '../tus/request-headers.ts'

/** How long a client may go on sending a body that was refused, so that it has the time to read the answer. */
const DISCARD_MS = 5_000

/** When a client had better ask again. */
const RETRY_AFTER_SECONDS: Readonly<Record<number, number>> = { 423: 1, 503: 5 }

/** For the end of the app: no route was found. */
export function routeNotFound(): RequestHandler {
  return function refuseUnknownRoute() {
    throw new TuskerError('ERR_ROUTE_NOT_FOUND')
  }
}

/** The one place where an error becomes an answer: `{"error": {"code", "message", "requestId"}}`, nothing internal. */
export function errorHandler(): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return function answerError(thrown: unknown, request, response, _next) {
    const error = toTuskerError(fromFramework(thrown))
    const isGone = response.destroyed || request.socket.destroyed
    logFault(error, request)
    // Of half an answer that is on its way the only honest end is to break off: the client sees that it is not whole.
    if (isGone || response.headersSent) {
      response.destroy()
      return
    }
    discardBody(request, response)
    answer(error, request, response)
  }
}

function answer(error: TuskerError, request: Request, response: Response): void {
  const status = statusFor(error, request)
  const retryAfter = RETRY_AFTER_SECONDS[status]
  if (retryAfter !== undefined) response.set('Retry-After', String(retryAfter))
  response.status(status).set('Cache-Control', 'no-store')
  // tus 1.0.0 gives its own status a phrase; Node knows none for it.
  if (error.code === 'ERR_CHECKSUM_MISMATCH') response.statusMessage = 'Checksum Mismatch'
  if (request.method === 'HEAD') response.end()
  else if (error.problem) answerProblem(error, error.problem, request, response)
  else response.json({ error: { code: error.code, message: error.message, requestId: request.id } })
}

/** In the format that the protocol has for this fault (RFC 9457). */
function answerProblem(
  { code, message, status }: TuskerError,
  problem: ProblemMembers,
  { id: requestId }: Request,
  response: Response,
): void {
  // Not by `set`: Express would add a charset, which the type does not have.
  response.setHeader('Content-Type', 'application/problem+json')
  response.end(JSON.stringify({ ...problem, status, detail: message, code, requestId }))
}

/**
 * tus-js-client throws away what it has sent and starts from zero on any HEAD that fails, but for a 423, which it
 * repeats: a server in trouble must not cost a client its upload. A HEAD that names no upload protocol asks for the
 * file: it gets the status that a GET would get (RFC 9110, section 9.3.2).
 */
function statusFor(error: TuskerError, request: Request): number {
  const isTrouble = error.status >= 500 || error.status === 429
  return isTrouble && isUploadHead(request) ? 423 : error.status
}

function isUploadHead(request: Request): boolean {
  const names = ['tus-resumable', 'upload-draft-interop-version']
  return methodOf(request) === 'HEAD' && names.some((name) => request.get(name) !== undefined)
}

/** Express and its middleware throw errors with a status for requests that they can't read, such as a bad %-escape. */
function fromFramework(thrown: unknown): unknown {
  if (thrown instanceof TuskerError || !(thrown instanceof Error) || !('status' in thrown)) return thrown
  if (thrown.status === 404) return new TuskerError('ERR_ROUTE_NOT_FOUND', { cause: thrown })
  const isClientFault = typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500
  return isClientFault ? new TuskerError('ERR_BAD_REQUEST', { cause: thrown }) : thrown
}

/** A refusal that hides a fault of ours (423 to HEAD, say) is a fault too. */
function logFault(error: TuskerError, { log }: Request): void {
  const isOurs = error.status >= 500 || (error.cause instanceof TuskerError && error.cause.status >= 500)
  log[isOurs ? 'error' : 'debug']({ err: error }, error.message)
}

/**
 * Closing at once on a client that is still sending makes it see a reset instead of the answer. Node reads on and
 * drops what comes; we end that after a while.
 */
function discardBody(request: Request, response: Response): void {
  response.once('finish', () => {
    if (request.complete) return
    setTimeout(() => request.complete || request.socket.destroy(), DISCARD_MS).unref()
  })
}
