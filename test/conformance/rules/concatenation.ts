import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Headers } from '../http-exchange.ts'
import { requireHeader, requireRefused, requireStatus, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import type { TestedServer } from '../tested-server.ts'

const PARTIAL = { 'Upload-Length': '5', 'Upload-Concat': 'partial' }

/** concatenation: what finished partial uploads become. */
export const CONCATENATION: readonly Rule[] = [
  {
    rule: 'CO-01',
    level: 'M',
    sentence: 'a server that names concatenation makes one upload of several',
    check: async (server) => void (await concatenate(server, await partials(server))),
  },
  {
    rule: 'CO-02',
    level: 'M',
    sentence: 'a partial upload is created with Upload-Concat: partial, and written as any other',
    check: async (server) => {
      const url = await createPartial(server)
      requireStatus(await server.patch(url, 0, 'hello'), 204)
      await server.requireOffset(url, 5)
    },
  },
  {
    rule: 'CO-04',
    level: 'M',
    sentence: 'the length of the final upload is the sum of those of the partial ones',
    check: async (server) => {
      const url = await concatenate(server, await partials(server))
      requireHeader(await headOfFinal(server, url), 'Upload-Length', '10')
    },
  },
  {
    rule: 'CO-05',
    level: 'M',
    sentence: 'the bytes come in the order in which the uploads are listed',
    check: async (server) => {
      const [first = '', second = ''] = await partials(server)
      const url = await concatenate(server, [second, first])
      await headOfFinal(server, url)
      const content = (await server.contentOf(url)).toString()
      requireThat(content === 'worldhello', 'worldhello', JSON.stringify(content))
    },
  },
  {
    rule: 'CO-06',
    level: 'O',
    sentence: 'the URLs may be absolute or relative',
    check: async (server) => {
      const [first = '', second = ''] = await partials(server)
      const url = await concatenate(server, [first, new URL(second).pathname])
      requireHeader(await headOfFinal(server, url), 'Upload-Length', '10')
    },
  },
  {
    rule: 'CO-09',
    level: 'M',
    sentence: 'the metadata of the final upload is that of its own creation, never that of a partial one',
    check: async (server) => {
      const partial = await createPartial(server, { 'Upload-Metadata': 'filename cGFydGlhbA==' })
      await server.patch(partial, 0, 'hello')
      const bare = await concatenate(server, [partial])
      requireHeader(await headOfFinal(server, bare), 'Upload-Metadata', undefined)
    },
  },
  {
    rule: 'CO-09',
    level: 'S',
    sentence: 'the final upload has the metadata that its creation gave it',
    check: async (server) => {
      const own = 'filename d29ybGQ='
      const url = await concatenate(server, await partials(server), { 'Upload-Metadata': own })
      requireHeader(await headOfFinal(server, url), 'Upload-Metadata', own)
    },
  },
  {
    rule: 'CO-10',
    level: 'D',
    sentence: 'a partial upload may be in several final ones, and several times in one',
    check: async (server) => {
      const [first = ''] = await partials(server)
      requireHeader(
        await headOfFinal(server, await concatenate(server, [first, first])),
        'Upload-Length',
        '10',
      )
      requireHeader(await headOfFinal(server, await concatenate(server, [first])), 'Upload-Length', '5')
    },
  },
  {
    rule: 'CO-11',
    level: 'M',
    sentence: 'PATCH of a final upload is 403, and changes nothing',
    check: async (server) => {
      const urls = await partials(server)
      const url = await concatenate(server, urls)
      await headOfFinal(server, url)
      requireStatus(await server.patch(url, 10, 'x'), 403)
      requireHeader(await headOfFinal(server, url), 'Upload-Offset', '10')
    },
  },
  {
    rule: 'CO-12',
    level: 'M',
    sentence: 'HEAD of a final upload that is done has Upload-Offset and Upload-Length, the same',
    check: async (server) => {
      const answer = await headOfFinal(server, await concatenate(server, await partials(server)))
      requireHeader(answer, 'Upload-Offset', '10')
      requireHeader(answer, 'Upload-Length', '10')
    },
  },
  {
    rule: 'CO-13',
    level: 'M',
    sentence: 'HEAD of a partial upload has Upload-Offset',
    check: async (server) => {
      const url = await createPartial(server)
      await server.requireOffset(url, 0)
      await server.patch(url, 0, 'hel')
      await server.requireOffset(url, 3)
    },
  },
  {
    rule: 'CO-15',
    level: 'M',
    sentence: 'HEAD gives Upload-Concat back as it was received',
    check: async (server) => {
      const [first = '', second = ''] = await partials(server)
      requireHeader(await server.head(first), 'Upload-Concat', 'partial')
      const received = `final;${new URL(second).pathname} ${first}`
      const answer = await server.post({ 'Upload-Concat': received })
      requireStatus(answer, 201)
      requireHeader(await headOfFinal(server, server.locationOf(answer)), 'Upload-Concat', received)
    },
  },
  {
    rule: 'K-05',
    level: 'D',
    sentence:
      'parallel uploads of tus-js-client work: partial ones without metadata, a final one with absolute URLs',
    check: async (server) => {
      const metadata = { 'Upload-Metadata': 'filename d29ybGQ=' }
      const url = await concatenate(server, await partials(server), metadata)
      await headOfFinal(server, url)
      const content = (await server.contentOf(url)).toString()
      requireThat(content === 'helloworld', 'helloworld', JSON.stringify(content))
    },
  },
  {
    rule: 'CO-14',
    level: 'M',
    sentence: 'HEAD of a final upload has its length as soon as it can be told',
    check: async (server) => {
      const answer = await server.head(await concatenate(server, await partials(server)))
      requireHeader(answer, 'Upload-Length', '10')
    },
  },
]

export async function createPartial(server: TestedServer, headers: Headers = {}): Promise<string> {
  server.need('concatenation')
  return await server.create({ ...PARTIAL, ...headers })
}

/** Two finished partial uploads: hello and world. */
export async function partials(server: TestedServer): Promise<string[]> {
  const urls = [await createPartial(server), await createPartial(server)]
  requireStatus(await server.patch(urls[0] ?? '', 0, 'hello'), 204)
  requireStatus(await server.patch(urls[1] ?? '', 0, 'world'), 204)
  return urls
}

async function concatenate(
  server: TestedServer,
  urls: readonly string[],
  headers: Headers = {},
): Promise<string> {
  const answer = await server.post({ 'Upload-Concat': `final;${urls.join(' ')}`, ...headers })
  requireStatus(answer, 201)
  return server.locationOf(answer)
}

/** HEAD once the concatenation is done: until then it has no Upload-Offset. */
async function headOfFinal(server: TestedServer, url: string): Promise<Answer> {
  const deadline = Date.now() + server.timeoutMs
  for (;;) {
    const answer = await server.head(url)
    if (answer.status >= 400) requireStatus(answer, 200, 204)
    if (answer.header('Upload-Offset') !== undefined || Date.now() > deadline) return answer
    await delay(100)
  }
}

/** Refused with a 4xx, and nothing is created. */
export async function requireNoFinal(
  server: TestedServer,
  value: string,
  headers: Headers = {},
): Promise<void> {
  const answer = await server.post({ 'Upload-Concat': value, ...headers })
  requireRefused(answer)
  requireHeader(answer, 'Location', undefined)
}
