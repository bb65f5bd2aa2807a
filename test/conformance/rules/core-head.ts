import { requireHeader, requireStatus, requireStatusOfEach, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import type { TestedServer } from '../tested-server.ts'

/** What is no whole number of bytes that a computer can count; the last is sent as two headers. */
const BAD_NUMBERS = ['-1', '1.5', '0x1', '', '1e3', '+1', '9007199254740993', ['0', '0']] as const

/** HEAD, and the numbers that go with it. */
export const CORE_HEAD: readonly Rule[] = [
  {
    rule: 'C-02',
    level: 'M',
    sentence: 'Upload-Offset is a whole number',
    check: async (server) => {
      const url = await server.create()
      requireHeader(await server.patch(url, 0, 'hello'), 'Upload-Offset', /^\d+$/, 'a whole number')
      requireHeader(await server.head(url), 'Upload-Offset', /^\d+$/, 'a whole number')
    },
  },
  {
    rule: 'C-02',
    level: 'D',
    sentence: 'an Upload-Offset that is no whole number is 400, and nothing is stored',
    check: async (server) => {
      const url = await server.create()
      await requireStatusOfEach(BAD_NUMBERS, [400], (offset) =>
        server.patch(url, 0, 'hello', { 'Upload-Offset': offset }),
      )
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-03',
    level: 'M',
    sentence: 'Upload-Length is a whole number',
    check: async (server) => requireHeader(await server.head(await server.create()), 'Upload-Length', '10'),
  },
  {
    rule: 'C-03',
    level: 'D',
    sentence: 'an Upload-Length that is no whole number is 400',
    check: async (server) => {
      server.need('creation')
      await requireStatusOfEach(BAD_NUMBERS, [400], (length) => server.post({ 'Upload-Length': length }))
    },
  },
  {
    rule: 'C-11',
    level: 'M',
    sentence: 'HEAD has Upload-Offset, at the beginning and at the end too',
    check: async (server) => {
      const url = await server.create()
      await server.requireOffset(url, 0)
      await server.patch(url, 0, 'hello')
      await server.requireOffset(url, 5)
      await server.patch(url, 5, 'world')
      await server.requireOffset(url, 10)
    },
  },
  {
    rule: 'C-12',
    level: 'M',
    sentence: 'HEAD has Upload-Length, once all is stored too',
    check: async (server) => {
      const url = await server.create()
      requireHeader(await server.head(url), 'Upload-Length', '10')
      await server.patch(url, 0, 'helloworld')
      requireHeader(await server.head(url), 'Upload-Length', '10')
    },
  },
  {
    rule: 'C-13',
    level: 'S',
    sentence: 'HEAD of an upload that is not there is 404, 410 or 403 without Upload-Offset',
    check: async (server) => {
      const answer = await server.head(await server.unknownUrl())
      requireStatus(answer, 404, 410, 403)
      requireHeader(answer, 'Upload-Offset', undefined)
    },
  },
  {
    rule: 'C-14',
    level: 'S',
    sentence: 'HEAD is 200 or 204',
    check: async (server) => requireStatus(await server.head(await server.create()), 200, 204),
  },
  {
    rule: 'C-15',
    level: 'M',
    sentence: 'HEAD has Cache-Control: no-store',
    check: async (server) => {
      const url = await server.create()
      requireHeader(await server.head(url), 'Cache-Control', /\bno-store\b/, 'no-store')
      await server.patch(url, 0, 'helloworld')
      requireHeader(await server.head(url), 'Cache-Control', /\bno-store\b/, 'no-store')
    },
  },
  {
    rule: 'C-15',
    level: 'D',
    sentence: 'HEAD of an upload that is not there has Cache-Control: no-store too',
    check: async (server) => {
      requireHeader(await server.head(await server.unknownUrl()), 'Cache-Control', /\bno-store\b/, 'no-store')
    },
  },
  {
    rule: 'C-15',
    level: 'D',
    sentence: 'HEAD of an upload that is not finished tells no Content-Length but 0: there is no file yet',
    check: async (server) => await requireNoContentLength(server),
  },
]

async function requireNoContentLength(server: TestedServer): Promise<void> {
  const length = (await server.head(await server.create())).header('Content-Length')
  requireThat(
    length === undefined || length === '0',
    'no Content-Length, or 0',
    `Content-Length: ${String(length)}`,
  )
}
