import { IetfClient, readLimits } from '../ietf-dialect.ts'
import { requireHeader, requireStatus, requireSuccess, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'

/** The IETF protocol: what HEAD tells, and DELETE. */
export const IETF_OFFSET: readonly Rule[] = [
  {
    rule: 'R-02',
    level: 'M',
    sentence: 'the offset never goes back',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin({ 'Upload-Length': '10' })
      await client.append(url, 0, { body: 'hello', complete: false })
      await client.requireOffset(url, 5)
      await client.append(url, 3, { body: 'x', complete: false })
      await client.requireOffset(url, 5)
    },
  },
  {
    rule: 'R-05',
    level: 'M',
    sentence: 'an upload whose bytes are all there is complete only when a request says so',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      requireSuccess(await client.append(url, 0, { body: 'hello', complete: false }))
      client.requireMark(await client.head(url), false)
      requireSuccess(await client.append(url, 5, { complete: true }))
      client.requireMark(await client.head(url), true)
    },
  },
  {
    rule: 'R-07',
    level: 'S',
    sentence: 'limits do not become stricter while an upload lasts',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      const before = readLimits(client, await client.head(url))
      await client.append(url, 0, { body: 'hello', complete: false })
      const after = readLimits(client, await client.head(url))
      requireNotStricter(before, after)
    },
  },
  {
    rule: 'R-09',
    level: 'S',
    sentence: 'the limits in OPTIONS are not wider than those of an upload',
    check: async (server) => {
      const client = new IetfClient(server)
      const told = readLimits(client, await server.send('OPTIONS', server.url, client.headers()))
      requireNotStricter(told, readLimits(client, await client.head(await client.begin())))
    },
  },
  {
    rule: 'R-21',
    level: 'M',
    sentence: 'HEAD has Upload-Offset and says whether the upload is complete',
    check: async (server) => {
      const client = new IetfClient(server)
      const answer = await client.head(await client.begin({ 'Upload-Length': '10' }))
      requireHeader(answer, 'Upload-Offset', '0')
      client.requireMark(answer, false)
    },
  },
  {
    rule: 'R-21',
    level: 'M',
    sentence: 'HEAD has Upload-Length if the client told it',
    check: async (server) => {
      const client = new IetfClient(server)
      requireHeader(await client.head(await client.begin({ 'Upload-Length': '10' })), 'Upload-Length', '10')
    },
  },
  {
    rule: 'R-21',
    level: 'M',
    sentence: 'HEAD has Upload-Limit',
    check: async (server) => {
      const client = new IetfClient(server)
      readLimits(client, await client.head(await client.begin()))
    },
  },
  {
    rule: 'R-21',
    level: 'S',
    sentence: 'HEAD has Cache-Control: no-store',
    check: async (server) => {
      const client = new IetfClient(server)
      requireHeader(await client.head(await client.begin()), 'Cache-Control', /\bno-store\b/, 'no-store')
    },
  },
  {
    rule: 'R-22',
    level: 'S',
    sentence: 'HEAD is no redirection: 200 or 204',
    check: async (server) => {
      const client = new IetfClient(server)
      requireStatus(await client.head(await client.begin()), 200, 204)
    },
  },
  {
    rule: 'R-31',
    level: 'S',
    sentence: 'DELETE ends the upload: no request to it is a success from then on',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      requireSuccess(await server.send('DELETE', url, client.headers()))
      requireStatus(await client.head(url), 404, 410)
      requireStatus(await client.append(url, 0, { body: 'x', complete: false }), 404, 410)
    },
  },
  {
    rule: 'R-31',
    level: 'D',
    sentence: 'an upload begun in one protocol goes on in the other',
    check: async (server) => {
      server.need('creation')
      const client = new IetfClient(server)
      const begunInTus = await server.create()
      await server.patch(begunInTus, 0, 'hello')
      await client.requireOffset(begunInTus, 5)
      requireSuccess(await client.append(begunInTus, 5, { body: 'world', complete: true }))
      await server.requireOffset(begunInTus, 10)
      const begun = await client.begin({ 'Upload-Length': '10' })
      await client.append(begun, 0, { body: 'hello', complete: false })
      requireStatus(await server.patch(begun, 5, 'world'), 204)
    },
  },
]

type Limits = ReadonlyMap<string, number>

function requireNotStricter(before: Limits, after: Limits): void {
  for (const [key, value] of after) {
    const told = before.get(key)
    const isMinimum = key.startsWith('min-')
    // The age counts down as time passes.
    if (key === 'max-age' || key === 'expires') continue
    const isSame = told === undefined ? isMinimum && value === 0 : isMinimum ? value <= told : value >= told
    requireThat(isSame, `${key} no stricter than ${told ?? 'not told'}`, `${key}=${value}`)
  }
}
