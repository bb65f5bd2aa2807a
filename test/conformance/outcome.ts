import type { Answer } from './http-exchange.ts'

/** The server does something else than the rule says. */
export class Unmet extends Error {
  readonly expected: string
  readonly came: string

  constructor(expected: string, came: string) {
    super(`expected ${expected}; came ${came}`)
    this.expected = expected
    this.came = came
  }
}

/** What a server may offer or not: the extensions by their own names, and what else rules depend on. */
export type Feature =
  | 'creation'
  | 'creation-with-upload'
  | 'creation-defer-length'
  | 'expiration'
  | 'checksum'
  | 'checksum-trailer'
  | 'termination'
  | 'concatenation'
  | 'concatenation-unfinished'
  | 'Tus-Max-Size'
  | 'downloads'
  | 'CORS'
  | 'ietf'
  | 'ietf limits'
  | 'ietf 104'

/** The rule is about something that the server does not say it has. */
export class NotOffered extends Error {
  readonly feature: Feature

  constructor(feature: Feature) {
    super(`${feature} is not offered`)
    this.feature = feature
  }
}

/** The rule could not be seen at work, on this server or in the time given; the message says why. */
export class NotSeen extends Error {}

export function requireThat(isSo: boolean, expected: string, came: string): asserts isSo {
  if (!isSo) throw new Unmet(expected, came)
}

export function requireStatus(answer: Answer, ...statuses: readonly number[]): void {
  const expected = `${answer.method}: ${statuses.join(' or ')}`
  requireThat(statuses.includes(answer.status), expected, `${answer.method}: ${answer.status}`)
}

export function requireSuccess(answer: Answer): void {
  const isSuccess = answer.status >= 200 && answer.status < 300
  requireThat(isSuccess, `${answer.method}: 2xx`, `${answer.method}: ${answer.status}`)
}

export function requireRefused(answer: Answer): void {
  const isRefused = answer.status >= 400 && answer.status < 500
  requireThat(isRefused, `${answer.method}: 4xx`, `${answer.method}: ${answer.status}`)
}

/** `value` undefined: the header must not be there. `meaning` says what a pattern stands for. */
export function requireHeader(
  answer: Answer,
  name: string,
  value: string | RegExp | undefined,
  meaning = String(value),
): void {
  const found = answer.header(name)
  const isSo = value instanceof RegExp ? found !== undefined && value.test(found) : found === value
  const where = `in the ${answer.status} to ${answer.method}`
  const expected = value === undefined ? `no ${name} ${where}` : `${name}: ${meaning} ${where}`
  requireThat(isSo, expected, found === undefined ? `no ${name}` : `${name}: ${found}`)
}

/** Asks once for each value, and wants one of the statuses every time; all those that fail are named. */
export async function requireStatusOfEach<Value>(
  values: readonly Value[],
  statuses: readonly number[],
  ask: (value: Value) => Promise<Answer>,
): Promise<void> {
  const others: string[] = []
  for (const value of values) {
    const { status } = await ask(value)
    if (!statuses.includes(status)) others.push(`${JSON.stringify(value)}: ${status}`)
  }
  requireThat(others.length === 0, `${statuses.join(' or ')} each time`, others.join(', '))
}
