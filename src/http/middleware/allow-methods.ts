import type { RequestHandler } from 'express'
import { TuskerError } from '../../core/errors.ts'

/** For the end of a route: any method that came so far is refused, with the list of those that work. */
export function allowOnly(...methods: readonly string[]): RequestHandler {
  return function refuseMethod(_request, response) {
    response.set('Allow', methods.join(', '))
    throw new TuskerError('ERR_METHOD_NOT_ALLOWED')
  }
}
