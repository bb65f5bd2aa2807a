import {
  NotSeen,
  requireHeader,
  requireRefused,
  requireStatus,
  requireStatusOfEach,
  requireThat,
} from '../outcome.ts'
import type { Rule } from '../rule.ts'
import type { TestedServer } from '../tested-server.ts'

/** A limit over this is not tried: the tool is to be a light guest. */
const SMALL_BYTES = 4 * 1024 ** 2

/** creation-defer-length: a length that is told later, and never changed. */
export const CREATION_DEFER_LENGTH: readonly Rule[] = [
  {
    rule: 'CR-02',
    level: 'M',
    sentence: 'Upload-Defer-Length is not sent for a length that is known',
    check: async (server) => {
      requireHeader(await server.head(await server.create()), 'Upload-Defer-Length', undefined)
    },
  },
  {
    rule: 'CR-03',
    level: 'S',
    sentence: 'an Upload-Defer-Length other than 1 is 400',
    check: async (server) => {
      server.need('creation-defer-length')
      await requireStatusOfEach(['2', '0', 'true', ''], [400], (value) =>
        server.post({ 'Upload-Defer-Length': value }),
      )
    },
  },
  {
    rule: 'CR-07',
    level: 'M',
    sentence: 'a length that is known is never changed',
    check: async (server) => {
      const url = await server.create()
      await server.patch(url, 0, 'hello', { 'Upload-Length': '20' })
      requireHeader(await server.head(url), 'Upload-Length', '10')
    },
  },
  {
    rule: 'CR-07',
    level: 'D',
    sentence: 'another Upload-Length for a known one is 400, and nothing is stored',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'hello', { 'Upload-Length': '20' }), 400)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'CR-07',
    level: 'D',
    sentence: 'the same Upload-Length again changes nothing and is fine',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'hello', { 'Upload-Length': '10' }), 204)
    },
  },
  {
    rule: 'CR-08',
    level: 'M',
    sentence: 'HEAD has Upload-Defer-Length: 1 until the length is known, and Upload-Length from then on',
    check: async (server) => {
      const url = await createDeferred(server)
      await server.patch(url, 0, 'hel')
      requireHeader(await server.head(url), 'Upload-Defer-Length', '1')
      requireHeader(await server.head(url), 'Upload-Length', undefined)
      await server.patch(url, 3, 'lo', { 'Upload-Length': '10' })
      requireHeader(await server.head(url), 'Upload-Defer-Length', undefined)
      requireHeader(await server.head(url), 'Upload-Length', '10')
    },
  },
  {
    rule: 'CR-09',
    level: 'M',
    sentence: 'a server that takes an upload of unknown length names creation-defer-length',
    check: async (server) => {
      server.need('creation')
      const { status } = await server.post({ 'Upload-Defer-Length': '1' })
      const isNamed = server.offers('creation-defer-length')
      if (!isNamed && status !== 201) server.need('creation-defer-length')
      requireThat(isNamed && status === 201, 'named, and 201', `${isNamed ? '' : 'not '}named, and ${status}`)
    },
  },
  {
    rule: 'CR-09',
    level: 'M',
    sentence: 'the length may come with the last bytes',
    check: async (server) => {
      const url = await createDeferred(server)
      await server.patch(url, 0, 'hello')
      requireStatus(await server.patch(url, 5, 'world', { 'Upload-Length': '10' }), 204)
      requireHeader(await server.head(url), 'Upload-Length', '10')
    },
  },
  {
    rule: 'CR-09',
    level: 'D',
    sentence: 'the length may come alone, after all bytes, with an empty PATCH',
    check: async (server) => {
      const url = await createDeferred(server)
      await server.patch(url, 0, 'hello')
      requireStatus(await server.patch(url, 5, '', { 'Upload-Length': '5' }), 204)
      requireHeader(await server.head(url), 'Upload-Length', '5')
    },
  },
  {
    rule: 'CR-09',
    level: 'D',
    sentence: 'a length below the offset is 400, and the length stays unknown',
    check: async (server) => {
      const url = await createDeferred(server)
      await server.patch(url, 0, 'hello')
      requireStatus(await server.patch(url, 5, '', { 'Upload-Length': '4' }), 400)
      requireHeader(await server.head(url), 'Upload-Defer-Length', '1')
    },
  },
  {
    rule: 'CR-12',
    level: 'D',
    sentence: 'a length over Tus-Max-Size is refused when it comes late too',
    check: async (server) => {
      server.need('Tus-Max-Size')
      const url = await createDeferred(server)
      const tooLong = String((server.offer.maxSizeBytes ?? 0) + 1)
      requireRefused(await server.patch(url, 0, 'hello', { 'Upload-Length': tooLong }))
      requireHeader(await server.head(url), 'Upload-Defer-Length', '1')
    },
  },
  {
    rule: 'CR-12',
    level: 'D',
    sentence: 'an upload of unknown length does not grow over Tus-Max-Size, chunked or not',
    check: async (server) => {
      server.need('Tus-Max-Size')
      const maxSizeBytes = server.offer.maxSizeBytes ?? 0
      if (maxSizeBytes > SMALL_BYTES) throw new NotSeen('the limit is too high to be tried')
      const body = Buffer.alloc(maxSizeBytes + 1)
      const url = await createDeferred(server)
      requireStatus(await server.patch(url, 0, body), 413)
      await server.requireOffset(url, 0)
      requireStatus(await server.patch(url, 0, body, { 'Transfer-Encoding': 'chunked' }), 413)
      await server.requireOffset(url, maxSizeBytes)
    },
  },
]

async function createDeferred(server: TestedServer): Promise<string> {
  server.need('creation-defer-length')
  return await server.create({ 'Upload-Defer-Length': '1' })
}
