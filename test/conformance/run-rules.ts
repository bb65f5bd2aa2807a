import { NoAnswer } from './http-exchange.ts'
import { type Feature, NotOffered, NotSeen, Unmet } from './outcome.ts'
import type { Level, Rule } from './rule.ts'
import type { TestedServer } from './tested-server.ts'

export type Outcome =
  | { readonly result: 'passed' }
  /** `differs`: a decision of Tusker's that another server has taken otherwise. */
  | { readonly result: 'failed' | 'differs'; readonly expected: string; readonly came: string }
  | { readonly result: 'not offered'; readonly feature: Feature }
  | { readonly result: 'not seen'; readonly why: string }

export type RuleReport = Pick<Rule, 'rule' | 'level' | 'sentence'> & Outcome

/**
 * Holds a server against rules, one after the other.
 * @throws NoAnswer if the server is gone, so that not every rule after that one looks broken
 */
export async function* runRules(server: TestedServer, rules: readonly Rule[]): AsyncIterable<RuleReport> {
  for (const rule of rules) {
    const { rule: number, level, sentence } = rule
    const outcome = await runRule(server, rule)
    yield { rule: number, level, sentence, ...outcome }
    if ('expected' in outcome) await server.send('OPTIONS', server.url)
  }
}

export async function runRule(server: TestedServer, rule: Rule): Promise<Outcome> {
  try {
    await rule.check(server)
    return { result: 'passed' }
  } catch (error) {
    return outcomeOf(error, rule.level)
  } finally {
    server.closeConnections()
  }
}

function outcomeOf(error: unknown, level: Level): Outcome {
  if (error instanceof NotOffered) return { result: 'not offered', feature: error.feature }
  if (error instanceof NotSeen) return { result: 'not seen', why: error.message }
  // What a server may do, and does not do or does otherwise, is no failure.
  const result = level === 'M' || level === 'S' ? 'failed' : 'differs'
  if (error instanceof Unmet) return { result, expected: error.expected, came: error.came }
  if (error instanceof NoAnswer) return { result, expected: 'an answer', came: error.message }
  throw error
}
