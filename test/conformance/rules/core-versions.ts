import { NotSeen, requireHeader, requireRefused, requireStatus, requireThat } from '../outcome.ts'
import { listOf } from '../offer.ts'
import type { Rule } from '../rule.ts'
import { OCTET_STREAM } from '../tested-server.ts'

const OTHER_VERSION = { 'Tus-Resumable': '0.2.2' }

/** What every answer says, which version is spoken, and which method is meant. */
export const CORE_VERSIONS: readonly Rule[] = [
  {
    rule: 'C-01',
    level: 'M',
    sentence: 'HEAD, PATCH and OPTIONS are implemented',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.head(url), 200, 204)
      requireStatus(await server.patch(url, 0, 'hello'), 204)
      requireStatus(await server.send('OPTIONS', server.url), 200, 204)
    },
  },
  {
    rule: 'C-04',
    level: 'M',
    sentence: 'Tus-Version lists the versions, and 1.0.0 is one',
    check: async (server) => {
      const answer = await server.send('OPTIONS', server.url)
      requireHeader(answer, 'Tus-Version', /^\d+\.\d+\.\d+(?:\s*,\s*\d+\.\d+\.\d+)*$/)
      requireThat(listOf(answer.header('Tus-Version')).includes('1.0.0'), '1.0.0 in Tus-Version', 'others')
    },
  },
  {
    rule: 'C-05',
    level: 'M',
    sentence: 'Tus-Resumable is in every answer, refusals too',
    check: async (server) => {
      const url = await server.create()
      const unknown = await server.unknownUrl()
      const answers = [
        await server.post({ 'Upload-Length': '10' }),
        await server.post({ 'Upload-Length': 'x' }),
        await server.post({ 'Upload-Length': '10', ...OTHER_VERSION }),
        await server.head(url),
        await server.head(unknown),
        await server.patch(url, 3, 'x'),
        await server.patch(url, 0, 'x', { 'Content-Type': 'text/plain' }),
        await server.patch(url, 0, 'hello'),
        await server.patch(unknown, 0, 'x'),
        await server.send('PUT', url),
      ]
      for (const answer of answers) requireHeader(answer, 'Tus-Resumable', /./, '(any)')
    },
  },
  {
    rule: 'C-06',
    level: 'M',
    sentence: 'Tus-Resumable is the version in use',
    check: async (server) => {
      const url = await server.create()
      requireHeader(await server.head(url), 'Tus-Resumable', '1.0.0')
      requireHeader(await server.patch(url, 0, 'hello'), 'Tus-Resumable', '1.0.0')
    },
  },
  {
    rule: 'C-07',
    level: 'M',
    sentence: 'a version that is not supported is 412, and nothing is done',
    check: async (server) => {
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'hello', OTHER_VERSION), 412)
      await server.requireOffset(url, 0)
      const refused = await server.post({ 'Upload-Length': '10', ...OTHER_VERSION })
      requireStatus(refused, 412)
      requireHeader(refused, 'Location', undefined)
      if (!server.offers('termination')) return
      requireStatus(await server.send('DELETE', url, OTHER_VERSION), 412)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-07',
    level: 'M',
    sentence: 'HEAD with a version that is not supported is 412 too',
    check: async (server) => requireStatus(await server.head(await server.create(), OTHER_VERSION), 412),
  },
  {
    rule: 'C-07',
    level: 'M',
    sentence: 'the answer to a version that is not supported has Tus-Version',
    check: async (server) => {
      const url = await server.create()
      requireHeader(await server.patch(url, 0, 'hello', OTHER_VERSION), 'Tus-Version', /\b1\.0\.0\b/, '1.0.0')
    },
  },
  {
    rule: 'C-07',
    level: 'D',
    sentence: 'a request that changes something and has no Tus-Resumable is 412',
    check: async (server) => {
      const url = await server.create()
      const none = { 'Tus-Resumable': undefined }
      requireStatus(await server.patch(url, 0, 'hello', none), 412)
      requireStatus(await server.post({ 'Upload-Length': '10', ...none }), 412)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-07',
    level: 'D',
    sentence: 'HEAD is answered without Tus-Resumable',
    check: async (server) => {
      requireStatus(await server.head(await server.create(), { 'Tus-Resumable': undefined }), 200, 204)
    },
  },
  {
    rule: 'C-08',
    level: 'M',
    sentence: 'Tus-Extension is a list, or not there',
    check: async (server) => {
      const answer = await server.send('OPTIONS', server.url)
      if (answer.header('Tus-Extension') === undefined) return
      requireHeader(answer, 'Tus-Extension', /^[a-z-]+(?:\s*,\s*[a-z-]+)*$/)
    },
  },
  {
    rule: 'C-09',
    level: 'M',
    sentence: 'Tus-Max-Size is a whole number',
    check: async (server) => {
      server.need('Tus-Max-Size')
      requireHeader(await server.send('OPTIONS', server.url), 'Tus-Max-Size', /^\d+$/, 'a whole number')
    },
  },
  {
    rule: 'C-10',
    level: 'M',
    sentence: 'POST with X-HTTP-Method-Override: PATCH is a PATCH',
    check: async (server) => {
      const url = await server.create()
      const patch = { 'X-HTTP-Method-Override': 'PATCH', 'Upload-Offset': '0', 'Content-Type': OCTET_STREAM }
      const patched = await server.send('POST', url, patch, 'hello')
      requireStatus(patched, 204)
      requireHeader(patched, 'Upload-Offset', '5')
    },
  },
  {
    rule: 'C-10',
    level: 'M',
    sentence: 'any other method is overridden as well: PATCH with X-HTTP-Method-Override: HEAD is a HEAD',
    check: async (server) => {
      const url = await server.create()
      const headed = await server.patch(url, 0, 'hello', { 'X-HTTP-Method-Override': 'HEAD' })
      requireStatus(headed, 200, 204)
      requireHeader(headed, 'Upload-Length', '10')
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-10',
    level: 'D',
    sentence: 'an override that names no method of the protocol is refused',
    check: async (server) => {
      const url = await server.create()
      requireRefused(await server.patch(url, 0, 'hello', { 'X-HTTP-Method-Override': 'NONSENSE' }))
      requireRefused(await server.patch(url, 0, 'hello', { 'X-HTTP-Method-Override': '' }))
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'C-29',
    level: 'M',
    sentence: 'OPTIONS is 200 or 204 with Tus-Version',
    check: async (server) => {
      const answer = await server.send('OPTIONS', server.url)
      requireStatus(answer, 200, 204)
      requireHeader(answer, 'Tus-Version', /./, '(any)')
    },
  },
  {
    rule: 'C-29',
    level: 'D',
    sentence: 'OPTIONS is 200, the only status that Apple’s upload tasks accept',
    check: async (server) => requireStatus(await server.send('OPTIONS', server.url), 200),
  },
  {
    rule: 'C-30',
    level: 'M',
    sentence: 'OPTIONS takes no notice of Tus-Resumable',
    check: async (server) => {
      requireStatus(await server.send('OPTIONS', server.url, OTHER_VERSION), 200, 204)
    },
  },
  {
    rule: 'C-31',
    level: 'S',
    sentence: 'what an upload can be created with is told by Tus-Extension',
    check: async (server) => {
      const { status } = await server.post({ 'Upload-Length': '10' })
      if (status !== 201) throw new NotSeen('the server creates no uploads at this URL')
      requireThat(server.offers('creation'), 'creation in Tus-Extension', server.offer.extensions.join(','))
    },
  },
]
