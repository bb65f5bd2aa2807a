import { setTimeout as delay } from 'node:timers/promises'
import type { Answer } from '../http-exchange.ts'
import { NotSeen, requireHeader, requireStatus, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import type { TestedServer } from '../tested-server.ts'

const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/

/** expiration: uploads that are not finished go away. */
export const EXPIRATION: readonly Rule[] = [
  {
    rule: 'EX-01',
    level: 'M',
    sentence: 'a server whose uploads expire names expiration',
    check: async (server) => {
      const answer = await server.patch(await server.create(), 0, 'hello')
      if (answer.header('Upload-Expires') === undefined) server.need('expiration')
      requireThat(server.offers('expiration'), 'expiration in Tus-Extension', 'Upload-Expires without it')
    },
  },
  {
    rule: 'EX-02',
    level: 'M',
    sentence: 'the answer to PATCH has Upload-Expires if the upload is going to expire',
    check: async (server) => {
      const url = await createExpiring(server)
      requireHeader(await server.patch(url, 0, 'hello'), 'Upload-Expires', /./, '(any)')
    },
  },
  {
    rule: 'EX-02',
    level: 'D',
    sentence: 'a PATCH that is refused for its offset has Upload-Expires too',
    check: async (server) => {
      const answer = await server.patch(await createExpiring(server), 3, 'hello')
      requireStatus(answer, 409)
      requireHeader(answer, 'Upload-Expires', /./, '(any)')
    },
  },
  {
    rule: 'EX-02',
    level: 'D',
    sentence: 'HEAD has Upload-Expires too: a client is to see what time is left',
    check: async (server) => {
      requireHeader(await server.head(await createExpiring(server)), 'Upload-Expires', /./, '(any)')
    },
  },
  {
    rule: 'EX-03',
    level: 'M',
    sentence: 'the answer to POST has Upload-Expires if the time is known by then',
    check: async (server) => {
      await createExpiring(server)
      requireHeader(await server.post({ 'Upload-Length': '10' }), 'Upload-Expires', /./, '(any)')
    },
  },
  {
    rule: 'EX-05',
    level: 'S',
    sentence: 'an expired upload is 404 or 410',
    check: async (server) => {
      const url = await expire(server)
      requireStatus(await server.patch(url, 0, 'hello'), 404, 410)
      requireStatus(await server.head(url), 404, 410)
    },
  },
  {
    rule: 'EX-05',
    level: 'S',
    sentence: 'a server that keeps track of what expired says 410',
    check: async (server) => requireStatus(await server.head(await expire(server)), 410),
  },
  {
    rule: 'EX-06',
    level: 'M',
    sentence: 'Upload-Expires is a date as in RFC 9110',
    check: async (server) => {
      const url = await createExpiring(server)
      requireHeader(
        await server.patch(url, 0, 'hello'),
        'Upload-Expires',
        IMF_FIXDATE,
        'a date such as Thu, 01 Jan 2026 00:00:00 GMT',
      )
    },
  },
  {
    rule: 'EX-07',
    level: 'D',
    sentence: 'the answer that says that all is stored has no Upload-Expires',
    check: async (server) => {
      const url = await createExpiring(server)
      requireHeader(await server.patch(url, 0, 'helloworld'), 'Upload-Expires', undefined)
      requireHeader(await server.head(url), 'Upload-Expires', undefined)
    },
  },
  {
    rule: 'EX-07',
    level: 'D',
    sentence: 'a finished upload does not expire',
    check: async (server) => {
      server.need('expiration')
      const created = await server.post({ 'Upload-Length': '5' })
      const url = server.locationOf(created)
      await server.patch(url, 0, 'hello')
      await waitFor(server, created)
      await server.requireOffset(url, 5)
    },
  },
]

/** @throws NotSeen if nothing says that uploads expire: a server may know how, and have been told not to */
async function createExpiring(server: TestedServer): Promise<string> {
  server.need('expiration')
  const created = await server.post({ 'Upload-Length': '10' })
  const url = server.locationOf(created)
  const answers = [created, await server.patch(url, 0, ''), await server.head(url)]
  if (!answers.some((answer) => answer.header('Upload-Expires') !== undefined))
    throw new NotSeen('no answer says that uploads expire')
  return url
}

/** Creates an upload and waits until its time is over. */
async function expire(server: TestedServer): Promise<string> {
  server.need('expiration')
  const created = await server.post({ 'Upload-Length': '10' })
  await waitFor(server, created)
  return server.locationOf(created)
}

async function waitFor({ timeoutMs }: TestedServer, created: Answer): Promise<void> {
  const expires = Date.parse(created.header('Upload-Expires') ?? '')
  if (Number.isNaN(expires)) throw new NotSeen('when uploads expire is not said')
  // The date has no fractions of a second.
  const waitMs = expires - Date.now() + 1_100
  if (waitMs > timeoutMs)
    throw new NotSeen(`uploads live longer than the ${timeoutMs} ms that the tool waits`)
  await delay(waitMs)
}
