import { requireHeader, requireStatus, requireSuccess, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'

/** PATCH: what is accepted, what is refused, and where the upload is then. */
export const CORE_PATCH: readonly Rule[] = [
  {
    rule: 'C-16',
    level: 'S',
    sentence: 'PATCH applies the bytes at Upload-Offset',
    check: async (server) => {
      const url = await server.create()
      requireSuccess(await server.patch(url, 0, 'hello'))
      requireSuccess(await server.patch(url, 5, 'world'))
      await server.requireOffset(url, 10)
    },
  },
  {
    rule: 'C-16',
    level: 'M',
    sentence: 'a finished upload has the bytes that were sent',
    check: async (server) => {
      const url = await server.create()
      await server.patch(url, 0, 'hello')
      await server.patch(url, 5, 'world')
      const content = (await server.contentOf(url)).toString()
      requireThat(content === 'helloworld', 'helloworld', JSON.stringify(content))
    },
  },
  {
    rule: 'C-17',
    level: 'S',
    sentence: 'PATCH with another Content-Type is 415, and nothing is stored',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'hello', { 'Content-Type': 'application/octet-stream' }), 415)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-17',
    level: 'D',
    sentence: 'PATCH without Content-Type is 415, and nothing is stored',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'hello', { 'Content-Type': undefined }), 415)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-17',
    level: 'D',
    sentence: 'neither the case of the Content-Type nor parameters matter',
    check: async (server) => {
      const url = await server.create()
      const type = 'Application/Offset+Octet-Stream; charset=utf-8'
      requireStatus(await server.patch(url, 0, 'hello', { 'Content-Type': type }), 204)
    },
  },
  {
    rule: 'C-18',
    level: 'M',
    sentence: 'PATCH at another offset is 409, and nothing is changed',
    check: async (server) => {
      const url = await server.create()
      await server.patch(url, 0, 'hello')
      requireStatus(await server.patch(url, 4, 'x'), 409)
      requireStatus(await server.patch(url, 6, 'x'), 409)
      await server.requireOffset(url, 5)
    },
  },
  {
    rule: 'C-18',
    level: 'D',
    sentence: 'PATCH without Upload-Offset is 400, and nothing is changed',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'hello', { 'Upload-Offset': undefined }), 400)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-19',
    level: 'M',
    sentence: 'PATCH that went well is 204',
    check: async (server) => requireStatus(await server.patch(await server.create(), 0, 'hello'), 204),
  },
  {
    rule: 'C-20',
    level: 'M',
    sentence: 'the answer to PATCH has the new Upload-Offset, and HEAD agrees',
    check: async (server) => {
      const url = await server.create()
      requireHeader(await server.patch(url, 0, 'hello'), 'Upload-Offset', '5')
      await server.requireOffset(url, 5)
      requireHeader(await server.patch(url, 5, 'world'), 'Upload-Offset', '10')
      await server.requireOffset(url, 10)
    },
  },
  {
    rule: 'C-21',
    level: 'S',
    sentence: 'PATCH of an upload that is not there is 404',
    check: async (server) => requireStatus(await server.patch(await server.unknownUrl(), 0, 'x'), 404),
  },
  {
    rule: 'C-24',
    level: 'D',
    sentence: 'a Content-Length over what is left is 413 before a byte is stored',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'x'.repeat(11)), 413)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-24',
    level: 'D',
    sentence: 'of a chunked body exactly what is left is stored, then 413',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'x'.repeat(11), { 'Transfer-Encoding': 'chunked' }), 413)
      await server.requireOffset(url, 10)
    },
  },
  {
    rule: 'C-25',
    level: 'D',
    sentence: 'an empty PATCH changes nothing and is 204, also at the end',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, ''), 204)
      await server.patch(url, 0, 'helloworld')
      const answer = await server.patch(url, 10, '')
      requireStatus(answer, 204)
      requireHeader(answer, 'Upload-Offset', '10')
    },
  },
  {
    rule: 'C-28',
    level: 'D',
    sentence: 'a chunked body without Content-Length is stored',
    check: async (server) => {
      const url = await server.create()
      const answer = await server.patch(url, 0, 'hello', { 'Transfer-Encoding': 'chunked' })
      requireStatus(answer, 204)
      requireHeader(answer, 'Upload-Offset', '5')
    },
  },
]
