import { describe, expect, test } from 'vitest'
import { TuskerError } from '../../../src/core/errors.ts'
import { createLogger } from '../../../src/observability/logger.ts'

function logged(facts: object): Record<string, unknown> {
  let line = ''
  createLogger({ level: 'info', destination: { write: (text) => void (line = text) } }).info(facts, 'message')
  return JSON.parse(line) as Record<string, unknown>
}

describe('the log', () => {
  test('is JSON lines with a readable time', () => {
    expect(logged({ location: 'local' })).toMatchObject({
      level: 30,
      msg: 'message',
      location: 'local',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    })
  })

  test.each([
    { authorization: 'SECRET' },
    { headers: { authorization: 'SECRET', cookie: 'SECRET', 'set-cookie': ['SECRET'] } },
    { request: { headers: { Authorization: 'ok', 'x-amz-security-token': 'SECRET' } } },
    { options: { secret: 'SECRET', credentials: { secretAccessKey: 'SECRET' } } },
    { password: 'SECRET', token: 'SECRET' },
  ])('blots out secrets: %j', (facts) => {
    expect(JSON.stringify(logged(facts))).not.toContain('SECRET')
    expect(JSON.stringify(logged(facts))).toContain('[redacted]')
  })

  test('tells an error, its facts and its causes', () => {
    const cause = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' })
    const err = new TuskerError('ERR_STORAGE_UNAVAILABLE', { cause, details: { bucket: 'b' } })
    expect(logged({ err })['err']).toMatchObject({
      type: 'TuskerError',
      code: 'ERR_STORAGE_UNAVAILABLE',
      details: { bucket: 'b' },
      stack: expect.stringContaining('logger.test') as string,
      cause: { message: 'connect failed', code: 'ECONNREFUSED' },
    })
  })

  test('leaves out what vendors put into their errors', () => {
    const err = Object.assign(new Error('denied'), { $response: { headers: { 'x-signature': 'SECRET' } } })
    expect(
      JSON.stringify(logged({ err: new TuskerError('ERR_STORAGE_REJECTED', { cause: err }) })),
    ).not.toContain('SECRET')
  })

  test('is not confused by errors that are none, or that cause each other', () => {
    const one = new Error('one')
    const other = new Error('other', { cause: one })
    one.cause = other
    expect(logged({ err: one })['err']).toMatchObject({ message: 'one', cause: { message: 'other' } })
    expect(logged({ err: 'text' })['err']).toEqual({ type: 'string', message: 'text' })
  })
})
