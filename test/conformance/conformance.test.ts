import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { E2E_BACKENDS, type E2eBackend } from '../support/e2e-backends.ts'
import type { Feature } from './outcome.ts'
import type { Rule } from './rule.ts'
import { IETF_RULES, TUS_RULES } from './rules.ts'
import { runRule } from './run-rules.ts'
import { TestedServer } from './tested-server.ts'

/** What Tusker claims. A rule about one of these that is found not to be offered fails. */
const EXTENSIONS: readonly Feature[] = [
  'checksum',
  'checksum-trailer',
  'concatenation',
  'concatenation-unfinished',
  'creation',
  'creation-defer-length',
  'creation-with-upload',
  'expiration',
  'termination',
]
const CLAIMED: readonly Feature[] = [
  ...EXTENSIONS,
  'Tus-Max-Size',
  'downloads',
  'CORS',
  'ietf',
  'ietf limits',
  'ietf 104',
]

/** What makes everything visible in a short time; uploads that expire while they are looked at would be a nuisance. */
const SETTINGS = {
  FILES_MAX_UPLOAD_SIZE: '1MiB',
  BODY_IDLE_TIMEOUT: '1s',
  TUS_UPLOAD_EXPIRATION: '1h',
  RUFH_INFORMATIONAL: 'true',
}

const isAboutExpiry = ({ rule }: Rule): boolean => rule === 'EX-05' || rule === 'EX-07'

describe.each(E2E_BACKENDS)('Tusker over %s', (_name, openBackend) => {
  let backend: E2eBackend
  let app: RunningApp
  /** The same with uploads that live for two seconds. */
  let forgetful: RunningApp
  let server: TestedServer
  let forgetfulServer: TestedServer

  beforeAll(async () => {
    backend = await openBackend('')
    app = await startApp({ env: { ...backend.env, ...SETTINGS } })
    forgetful = await startApp({ env: { ...backend.env, ...SETTINGS, TUS_UPLOAD_EXPIRATION: '2s' } })
    server = await discover(app)
    forgetfulServer = await discover(forgetful)
  })

  afterAll(async () => {
    await Promise.all([app.close(), forgetful.close()])
    await backend.close()
  })

  test('names what it offers', () => {
    expect(server.offer.extensions.toSorted()).toEqual(EXTENSIONS)
    expect(server.offer.maxSizeBytes).toBe(1024 ** 2)
    expect(server.offers('ietf')).toBe(CLAIMED.includes('ietf'))
  })

  for (const rule of [...TUS_RULES, ...IETF_RULES]) {
    test(`${rule.rule}: ${rule.sentence}`, async ({ skip }) => {
      const outcome = await runRule(isAboutExpiry(rule) ? forgetfulServer : server, rule)
      if (outcome.result === 'not offered' && !CLAIMED.includes(outcome.feature)) {
        skip(`${outcome.feature} is not offered`)
      }
      expect(outcome).toEqual({ result: 'passed' })
    })
  }

  test('everything that was created can be removed', async () => {
    expect(await server.cleanUp()).toBe(0)
  })
})

function discover({ url }: RunningApp): Promise<TestedServer> {
  return TestedServer.discover({ url: `${url}/files`, headers: {}, timeoutMs: 10_000, interop: 8 })
}
