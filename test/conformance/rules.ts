import type { Rule } from './rule.ts'
import { CHECKSUM } from './rules/checksum.ts'
import { CLIENTS } from './rules/clients.ts'
import { CONCATENATION_REFUSALS } from './rules/concatenation-refusals.ts'
import { CONCATENATION } from './rules/concatenation.ts'
import { CORE_HEAD } from './rules/core-head.ts'
import { CORE_INTERRUPTIONS } from './rules/core-interruptions.ts'
import { CORE_PATCH } from './rules/core-patch.ts'
import { CORE_VERSIONS } from './rules/core-versions.ts'
import { CREATION_DEFER_LENGTH } from './rules/creation-defer-length.ts'
import { CREATION_WITH_UPLOAD } from './rules/creation-with-upload.ts'
import { CREATION } from './rules/creation.ts'
import { EXPIRATION } from './rules/expiration.ts'
import { IETF_APPEND } from './rules/ietf-append.ts'
import { IETF_CREATION } from './rules/ietf-creation.ts'
import { IETF_INTERIM } from './rules/ietf-interim.ts'
import { IETF_OFFSET } from './rules/ietf-offset.ts'
import { TERMINATION } from './rules/termination.ts'
import { UNSEEN } from './rules/unseen.ts'

const GROUPS = ['C', 'CR', 'CW', 'EX', 'CH', 'TE', 'CO', 'K', 'R']
const LEVELS = 'MSOD'

/** tus 1.0.0, in the order of their numbers. */
export const TUS_RULES: readonly Rule[] = inOrder([
  ...CORE_VERSIONS,
  ...CORE_HEAD,
  ...CORE_PATCH,
  ...CORE_INTERRUPTIONS,
  ...CREATION,
  ...CREATION_DEFER_LENGTH,
  ...CREATION_WITH_UPLOAD,
  ...EXPIRATION,
  ...CHECKSUM,
  ...TERMINATION,
  ...CONCATENATION,
  ...CONCATENATION_REFUSALS,
  ...CLIENTS,
])

/** draft-ietf-httpbis-resumable-upload. */
export const IETF_RULES: readonly Rule[] = inOrder([
  ...IETF_CREATION,
  ...IETF_OFFSET,
  ...IETF_APPEND,
  ...IETF_INTERIM,
])

/** Every rule, those too that can't be seen from outside. */
export function rulesOf({ ietf }: { readonly ietf: boolean }): readonly Rule[] {
  return inOrder([...TUS_RULES, ...IETF_RULES, ...UNSEEN]).filter(
    ({ rule }) => ietf || !rule.startsWith('R-'),
  )
}

function inOrder(rules: readonly Rule[]): readonly Rule[] {
  return rules.toSorted(
    (a, b) => compareNumbers(a.rule, b.rule) || LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level),
  )
}

function compareNumbers(a: string, b: string): number {
  const [groupOfA = '', numberOfA] = a.split('-')
  const [groupOfB = '', numberOfB] = b.split('-')
  return GROUPS.indexOf(groupOfA) - GROUPS.indexOf(groupOfB) || Number(numberOfA) - Number(numberOfB)
}
