import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { IETF_RULES, TUS_RULES } from './rules.ts'

test('docs/conformance.md has every decision that was taken where a specification is silent', async () => {
  const text = (await readFile('docs/conformance.md', 'utf8')).replaceAll(/\s+/g, ' ')
  const decisions = [...TUS_RULES, ...IETF_RULES].filter(({ level }) => level === 'D')
  const missing = decisions.filter(
    ({ rule, sentence }) => !text.includes(`**${rule}**`) || !text.includes(sentence),
  )
  expect(missing.map(({ rule, sentence }) => `${rule}: ${sentence}`)).toEqual([])
})
