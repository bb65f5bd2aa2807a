import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NotSeen, requireHeader, requireStatus, requireStatusOfEach, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import { OCTET_STREAM, type TestedServer } from '../tested-server.ts'
import { createPartial, partials, requireNoFinal } from './concatenation.ts'

/** Bytes over this are not sent to see a limit at work. */
const SMALL_BYTES = 4 * 1024 ** 2

/** concatenation: what no final upload can be made of. */
export const CONCATENATION_REFUSALS: readonly Rule[] = [
  {
    rule: 'CO-06',
    level: 'D',
    sentence: 'an upload that is not there, or elsewhere, is refused, and no URL is ever fetched',
    check: async (server) => {
      server.need('concatenation')
      await requireNoFinal(server, `final;${await server.unknownUrl()}`)
      await requireNeverFetched(server)
    },
  },
  {
    rule: 'CO-07',
    level: 'D',
    sentence: 'Upload-Length with a final upload is 400',
    check: async (server) => {
      const urls = await partials(server)
      const headers = { 'Upload-Concat': `final;${urls.join(' ')}`, 'Upload-Length': '10' }
      requireStatus(await server.post(headers), 400)
    },
  },
  {
    rule: 'CO-07',
    level: 'D',
    sentence: 'a body with the creation of a final upload is 400 or 403',
    check: async (server) => {
      const urls = await partials(server)
      const headers = { 'Upload-Concat': `final;${urls.join(' ')}`, 'Content-Type': OCTET_STREAM }
      requireStatus(await server.post(headers, 'hello'), 400, 403)
    },
  },
  {
    rule: 'CO-08',
    level: 'M',
    sentence: 'a final upload of unfinished ones is made only where concatenation-unfinished is named',
    check: async (server) => {
      const [open, other] = [await createPartial(server), await createPartial(server)]
      await server.patch(open, 0, 'hel')
      const answer = await server.post({ 'Upload-Concat': `final;${open} ${other}` })
      if (!server.offers('concatenation-unfinished')) {
        requireThat(answer.status >= 400, 'a refusal', String(answer.status))
        return
      }
      requireStatus(answer, 201)
      const url = server.locationOf(answer)
      requireHeader(await server.head(url), 'Upload-Offset', undefined)
      await server.patch(open, 3, 'lo')
      await server.patch(other, 0, 'world')
      await server.requireOffsetSoon(url, 10)
    },
  },
  {
    rule: 'CO-12',
    level: 'S',
    sentence:
      'HEAD of a final upload that is not done has no Upload-Offset, but its length if it can be told',
    check: async (server) => {
      server.need('concatenation-unfinished')
      const open = await createPartial(server)
      const answer = await server.post({ 'Upload-Concat': `final;${open}` })
      requireStatus(answer, 201)
      const head = await server.head(server.locationOf(answer))
      requireHeader(head, 'Upload-Offset', undefined)
      requireHeader(head, 'Upload-Length', '5')
    },
  },
  {
    rule: 'CO-16',
    level: 'D',
    sentence: 'any other Upload-Concat is 400',
    check: async (server) => {
      server.need('concatenation')
      await requireStatusOfEach(['', 'final', 'final;', 'PARTIAL', 'something'], [400], (value) =>
        server.post({ 'Upload-Length': '5', 'Upload-Concat': value }),
      )
    },
  },
  {
    rule: 'CO-16',
    level: 'D',
    sentence: 'only partial uploads become a final one: neither ordinary nor final ones do',
    check: async (server) => {
      const urls = await partials(server)
      const ordinary = await server.create({ 'Upload-Length': '5' })
      await server.patch(ordinary, 0, 'hello')
      await requireNoFinal(server, `final;${ordinary}`)
      const made = await server.post({ 'Upload-Concat': `final;${urls.join(' ')}` })
      const final = server.locationOf(made)
      await server.requireOffsetSoon(final, 10)
      await requireNoFinal(server, `final;${final}`)
    },
  },
  {
    rule: 'CO-16',
    level: 'D',
    sentence: 'a final upload over Tus-Max-Size is 413',
    check: async (server) => {
      server.need('concatenation', 'Tus-Max-Size')
      const maxSizeBytes = server.offer.maxSizeBytes ?? 0
      if (maxSizeBytes > SMALL_BYTES) throw new NotSeen('the limit is too high to be tried')
      const partial = await createPartial(server, { 'Upload-Length': String(maxSizeBytes) })
      requireStatus(await server.patch(partial, 0, Buffer.alloc(maxSizeBytes)), 204)
      requireStatus(await server.post({ 'Upload-Concat': `final;${partial} ${partial}` }), 413)
    },
  },
]

/** Listens where a URL points to that is not the server's, and sees whether anybody comes. */
async function requireNeverFetched(server: TestedServer): Promise<void> {
  let requests = 0
  const elsewhere = createServer((_request, response) => {
    requests += 1
    response.end()
  }).listen(0, '127.0.0.1')
  await once(elsewhere, 'listening')
  const { port } = elsewhere.address() as AddressInfo
  try {
    await requireNoFinal(server, `final;http://127.0.0.1:${port}/files/0123456789abcdef0123456789abcdef`)
    requireThat(requests === 0, 'no request to a URL in Upload-Concat', `${requests}`)
  } finally {
    elsewhere.close()
    elsewhere.closeAllConnections()
  }
}
