import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import type { Level, Logger } from 'pino'
import { pinoHttp } from 'pino-http'

const PROBES = new Set(['/health', '/ready'])

/**
 * One line for each answer, and `request.log`, which carries the request's id. Neither headers nor the query of a URL
 * are logged: both can hold secrets.
 */
export function requestLog(logger: Logger): RequestHandler {
  const logAnswers = pinoHttp<Request, Response>({
    logger,
    quietReqLogger: true,
    quietResLogger: true,
    customAttributeKeys: { reqId: 'requestId' },
    customLogLevel: levelOf,
    customSuccessObject: (request, response, { responseTime }: { responseTime: number }) =>
      factsOf(request, response, responseTime),
    customErrorObject: (request, response, _error, { responseTime }: { responseTime: number }) =>
      factsOf(request, response, responseTime),
    customSuccessMessage: messageOf,
    customErrorMessage: messageOf,
  })
  return function logRequest(request, response, next) {
    // Not the one of pino-http: that writes errors with everything that is in them.
    request.log = logger.child({ requestId: request.id })
    logAnswers(request, response, next)
  }
}

function levelOf(request: Request, response: Response): Level {
  if (response.statusCode >= 500) return 'error'
  if (response.statusCode >= 400) return 'warn'
  return PROBES.has(pathOf(request)) ? 'debug' : 'info'
}

function factsOf(request: Request, response: Response, durationMs: number): object {
  return {
    method: request.method,
    path: pathOf(request),
    status: response.statusCode,
    durationMs,
    bytesIn: bytesOf(request.headers['content-length']),
    bytesOut: bytesOf(response.getHeader('content-length')),
  }
}

function messageOf(_request: IncomingMessage, response: ServerResponse): string {
  return response.writableEnded ? 'answered' : 'the client left before the answer was sent'
}

/** The path as the client wrote it: `request.path` is relative inside a mounted router. */
function pathOf({ originalUrl }: Request): string {
  return originalUrl.split('?', 1)[0] ?? ''
}

function bytesOf(contentLength: unknown): number | undefined {
  return contentLength === undefined ? undefined : Number(contentLength)
}
