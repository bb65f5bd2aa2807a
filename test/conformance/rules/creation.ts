import { requireHeader, requireRefused, requireStatus, requireStatusOfEach, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import type { TestedServer } from '../tested-server.ts'

/** Bytes that are no UTF-8, a key that objects have, a key without a value: all of them are allowed. */
const METADATA = 'filename d29ybGQucGRm,is_confidential,binary //4A,constructor Yg=='

/** In an order and a form that nobody would choose who writes it anew. */
const RAW_METADATA = 'filename d29ybGQucGRm,a,binary //4A'

const BAD_METADATA = ['a YQ==,a YQ==', 'a Y', 'a !!!!', 'a YQ== YQ==', ',', 'a YQ==,,b YQ=='] as const

/** creation: the request, its length and its metadata. */
export const CREATION: readonly Rule[] = [
  {
    rule: 'CR-01',
    level: 'M',
    sentence: 'a server that creates uploads names creation in Tus-Extension',
    check: async (server) => {
      server.need('creation')
      requireStatus(await server.post({ 'Upload-Length': '10' }), 201)
    },
  },
  {
    rule: 'CR-04',
    level: 'M',
    sentence: 'metadata may have keys without a value, and values of any bytes',
    check: async (server) => {
      server.need('creation')
      requireStatus(await server.post({ 'Upload-Length': '10', 'Upload-Metadata': METADATA }), 201)
      requireStatus(await server.post({ 'Upload-Length': '10', 'Upload-Metadata': 'empty ' }), 201)
    },
  },
  {
    rule: 'CR-04',
    level: 'D',
    sentence: 'metadata with a key twice, without a key, or with a value that is no Base64 is 400',
    check: async (server) => {
      server.need('creation')
      await requireStatusOfEach(BAD_METADATA, [400], (metadata) =>
        server.post({ 'Upload-Length': '10', 'Upload-Metadata': metadata }),
      )
    },
  },
  {
    rule: 'CR-04',
    level: 'D',
    sentence: 'an empty Upload-Metadata is none',
    check: async (server) => {
      const url = await server.create({ 'Upload-Length': '10', 'Upload-Metadata': '' })
      requireHeader(await server.head(url), 'Upload-Metadata', undefined)
    },
  },
  {
    rule: 'CR-05',
    level: 'S',
    sentence: 'line breaks in metadata do not become headers',
    check: async (server) => {
      const url = await uploadWithBadName(server)
      requireHeader(await server.head(url), 'X-Smuggled', undefined)
      requireHeader(await server.send('GET', url), 'X-Smuggled', undefined)
    },
  },
  {
    rule: 'CR-05',
    level: 'D',
    sentence: 'a file can be had whatever its metadata says',
    check: async (server) => {
      const content = (await server.contentOf(await uploadWithBadName(server))).toString()
      requireThat(content === 'hi', 'hi', JSON.stringify(content))
    },
  },
  {
    rule: 'CR-06',
    level: 'D',
    sentence: 'neither Upload-Length nor Upload-Defer-Length is 400',
    check: async (server) => {
      server.need('creation')
      requireStatus(await server.post(), 400)
    },
  },
  {
    rule: 'CR-06',
    level: 'D',
    sentence: 'both Upload-Length and Upload-Defer-Length are 400',
    check: async (server) => {
      server.need('creation-defer-length')
      requireStatus(await server.post({ 'Upload-Length': '10', 'Upload-Defer-Length': '1' }), 400)
    },
  },
  {
    rule: 'CR-10',
    level: 'M',
    sentence: 'an upload of no bytes is finished at once',
    check: async (server) => {
      const answer = await server.head(await server.create({ 'Upload-Length': '0' }))
      requireHeader(answer, 'Upload-Offset', '0')
      requireHeader(answer, 'Upload-Length', '0')
    },
  },
  {
    rule: 'CR-10',
    level: 'D',
    sentence: 'the file of an upload of no bytes is there without a PATCH',
    check: async (server) => {
      const content = await server.contentOf(await server.create({ 'Upload-Length': '0' }))
      requireThat(content.byteLength === 0, 'no bytes', `${content.byteLength} bytes`)
    },
  },
  {
    rule: 'CR-11',
    level: 'M',
    sentence: 'HEAD gives Upload-Metadata back as it was received',
    check: async (server) => {
      const url = await server.create({ 'Upload-Length': '10', 'Upload-Metadata': RAW_METADATA })
      requireHeader(await server.head(url), 'Upload-Metadata', RAW_METADATA)
      await server.patch(url, 0, 'helloworld')
      requireHeader(await server.head(url), 'Upload-Metadata', RAW_METADATA)
    },
  },
  {
    rule: 'CR-12',
    level: 'M',
    sentence: 'a length over Tus-Max-Size is 413, and nothing is created',
    check: async (server) => {
      server.need('creation', 'Tus-Max-Size')
      const tooLong = String((server.offer.maxSizeBytes ?? 0) + 1)
      const answer = await server.post({ 'Upload-Length': tooLong })
      requireStatus(answer, 413)
      requireHeader(answer, 'Location', undefined)
    },
  },
  {
    rule: 'CR-13',
    level: 'M',
    sentence: 'a creation is 201, and Location is the upload',
    check: async (server) => await server.requireOffset(await server.create(), 0),
  },
  {
    rule: 'CR-13',
    level: 'D',
    sentence: 'every upload has a URL of its own, which nobody can guess',
    check: async (server) => {
      const urls = [await server.create(), await server.create()]
      requireThat(new Set(urls).size === 2, 'two URLs', 'one')
      const id = urls[0]?.split('/').at(-1) ?? ''
      // 128 bits are 22 letters of base64url.
      requireThat(id.length >= 22, 'an id of 22 characters or more', `${id.length}`)
    },
  },
  {
    rule: 'CR-13',
    level: 'D',
    sentence: 'the collection itself is no upload: PATCH and HEAD of it are refused',
    check: async (server) => {
      requireRefused(await server.patch(server.url, 0, 'hello'))
      requireRefused(await server.head(server.url))
    },
  },
]

/** A finished upload whose name and type have what ends a header, and a letter that no header may have. */
async function uploadWithBadName(server: TestedServer): Promise<string> {
  const name = Buffer.from('a\r\nX-Smuggled: yes\r\n\r\n\u65e5.txt\0').toString('base64')
  const metadata = `filename ${name},filetype ${name}`
  const url = await server.create({ 'Upload-Length': '2', 'Upload-Metadata': metadata })
  requireStatus(await server.patch(url, 0, 'hi'), 204)
  return url
}
