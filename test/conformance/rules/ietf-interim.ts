import { setTimeout as delay } from 'node:timers/promises'
import type { Answer } from '../http-exchange.ts'
import { IetfClient } from '../ietf-dialect.ts'
import { NotOffered, requireHeader, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import type { TestedServer } from '../tested-server.ts'

const RESUMPTION_SUPPORTED = 104

/** The IETF protocol: answers before the answer, which many servers send only when they are told to. */
export const IETF_INTERIM: readonly Rule[] = [
  {
    rule: 'R-12',
    level: 'S',
    sentence: 'a creation with a body is answered with 104 while it is sent',
    check: async (server) => void (await beginSlowly(server)),
  },
  {
    rule: 'R-13',
    level: 'M',
    sentence: 'the 104 to a creation has Location and, if there are limits, Upload-Limit',
    check: async (server) => {
      const { interim, client } = await beginSlowly(server)
      const [first] = interim
      requireThat(first?.header('Location') !== undefined, 'Location in the 104', 'none')
      if (!client.dialect.hasLimits) return
      requireThat(first.header('Upload-Limit') !== undefined, 'Upload-Limit in the 104', 'none')
    },
  },
  {
    rule: 'R-18',
    level: 'M',
    sentence: 'Location is the same in the 104 and in the answer',
    check: async (server) => {
      const { interim, answer } = await beginSlowly(server)
      requireHeader(answer, 'Location', interim[0]?.header('Location'))
    },
  },
  {
    rule: 'R-20',
    level: 'S',
    sentence: 'what arrived before a creation broke off is kept, and the upload is not complete',
    check: async (server) => {
      const client = new IetfClient(server)
      const creation = server.open('POST', server.url, { ...client.headers(true), 'Content-Length': '1000' })
      await creation.write(Buffer.alloc(400))
      await delay(300)
      const location = creation.interim
        .find(({ status }) => status === RESUMPTION_SUPPORTED)
        ?.header('Location')
      creation.reset()
      if (location === undefined) throw new NotOffered('ietf 104')
      const url = new URL(location, server.url).href
      await server.requireOffsetSoon(url, 400)
      client.requireMark(await client.head(url), false)
      await server.send('DELETE', url, client.headers())
    },
  },
  {
    rule: 'R-29',
    level: 'M',
    sentence: 'a 104 to an append has no Location',
    check: async (server) => {
      await beginSlowly(server)
      const client = new IetfClient(server)
      const url = await client.begin()
      const patch = client.open(url, 0, { 'Content-Length': '1000' })
      await patch.write(Buffer.alloc(400))
      await delay(300)
      await patch.end(Buffer.alloc(600)).answer
      const locations = patch.interim.filter((interim) => interim.header('Location') !== undefined)
      requireThat(locations.length === 0, 'no Location in a 104 to PATCH', `${locations.length}`)
    },
  },
  {
    rule: 'R-34',
    level: 'M',
    sentence: '100 Continue is not left out because of a 104',
    check: async (server) => {
      const client = new IetfClient(server)
      const headers = { ...client.headers(false), 'Content-Length': '5', Expect: '100-continue' }
      const creation = server.open('POST', server.url, headers).flush()
      await Promise.race([creation.answer, delay(1_000)])
      const wasContinued = creation.interim.some(({ status }) => status === 100)
      creation.end(Buffer.from('hello'))
      await creation.answer
      requireThat(wasContinued, '100 Continue before the body', 'none')
    },
  },
  {
    rule: 'R-35',
    level: 'M',
    sentence: 'no 104 without an interop version, or with one that is unknown',
    check: async (server) => {
      const client = new IetfClient(server)
      for (const version of [undefined, '99']) {
        const headers = { ...client.headers(true), 'Upload-Draft-Interop-Version': version }
        const creation = server.open('POST', server.url, { ...headers, 'Content-Length': '1000' })
        await creation.write(Buffer.alloc(400))
        await delay(300)
        await creation.end(Buffer.alloc(600)).answer
        const count = creation.interim.filter(({ status }) => status === RESUMPTION_SUPPORTED).length
        requireThat(count === 0, `no 104 to version ${version ?? 'none'}`, `${count}`)
      }
    },
  },
  {
    rule: 'R-35',
    level: 'M',
    sentence: 'a 104 has the interop version',
    check: async (server) => {
      const { interim } = await beginSlowly(server)
      const versions = new Set(interim.map(({ header }) => header('Upload-Draft-Interop-Version') ?? 'none'))
      requireThat(
        versions.size === 1 && versions.has(String(server.interop)),
        `Upload-Draft-Interop-Version: ${server.interop}`,
        [...versions].join(', '),
      )
    },
  },
]

interface SlowCreation {
  readonly client: IetfClient
  readonly answer: Answer
  /** The 104s. */
  readonly interim: Answer['interim']
}

/** Sends a body in two pieces, so that there is time for a 104. @throws NotOffered if none comes */
async function beginSlowly(server: TestedServer): Promise<SlowCreation> {
  const client = new IetfClient(server)
  const creation = server.open('POST', server.url, { ...client.headers(false), 'Content-Length': '1000' })
  await creation.write(Buffer.alloc(400))
  await delay(300)
  const answer = await creation.end(Buffer.alloc(600)).answer
  const interim = creation.interim.filter(({ status }) => status === RESUMPTION_SUPPORTED)
  if (interim.length === 0) throw new NotOffered('ietf 104')
  return { client, answer, interim }
}
