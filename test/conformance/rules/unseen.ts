import { NotSeen } from '../outcome.ts'
import type { Rule } from '../rule.ts'

/** Rules that nobody can see from outside: they are in the table so that no number is missing. */
export const UNSEEN: readonly Rule[] = [
  unseen('CR-14', 'O', 'metadata may be ignored, used or refused', 'there is nothing to break'),
  unseen('CW-05', 'D', 'an upload whose creation was cut off expires', 'its URL never got to the client'),
  unseen('EX-04', 'O', 'the time at which an upload expires may change', 'there is nothing to break'),
  unseen('CO-03', 'S', 'partial uploads are not processed', 'processing is out of sight'),
  unseen('K-07', 'D', 'clients wait a second and more before they try again', 'it is about clients'),
  unseen('R-17', 'O', 'progress may be told by several 104s', 'there is nothing to break'),
  unseen('R-30', 'S', 'answers to appends say whether the upload is complete', 'it is in R-25 and R-26'),
]

function unseen(rule: string, level: Rule['level'], sentence: string, why: string): Rule {
  return { rule, level, sentence, check: () => Promise.reject(new NotSeen(why)) }
}
