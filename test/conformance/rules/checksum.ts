import { createHash, getHashes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { Answer, Headers } from '../http-exchange.ts'
import { requireHeader, requireStatus, requireStatusOfEach, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import { OCTET_STREAM, type TestedServer } from '../tested-server.ts'

const MISMATCH = 460

/** checksum: the bytes of a request are verified before they count. */
export const CHECKSUM: readonly Rule[] = [
  {
    rule: 'CH-01',
    level: 'M',
    sentence: 'a server that names checksum takes bytes that are right',
    check: async (server) => {
      const url = await create(server)
      requireHeader(await server.patch(url, 0, 'hello', checksum('sha1', 'hello')), 'Upload-Offset', '5')
    },
  },
  {
    rule: 'CH-02',
    level: 'M',
    sentence: 'bytes are verified with the algorithm that is named, whichever it is',
    check: async (server) => {
      server.need('checksum')
      for (const algorithm of server.offer.algorithms.filter(canCompute)) {
        const url = await create(server)
        const wrong = await server.patch(url, 0, 'hello', checksum(algorithm, 'other'))
        requireThat(wrong.status >= 400, `a refusal of a wrong ${algorithm}`, String(wrong.status))
        const right = await server.patch(url, 0, 'hello', checksum(algorithm, 'hello'))
        requireThat(right.status === 204, `204 for a right ${algorithm}`, String(right.status))
      }
    },
  },
  {
    rule: 'CH-03',
    level: 'O',
    sentence: 'a checksum that does not match is 460, an algorithm that is not offered 400',
    check: async (server) => {
      const url = await create(server)
      requireStatus(await server.patch(url, 0, 'hello', checksum('sha1', 'other')), MISMATCH)
      requireStatus(await server.patch(url, 0, 'hello', { 'Upload-Checksum': 'rot13 aGVsbG8=' }), 400)
    },
  },
  {
    rule: 'CH-04',
    level: 'M',
    sentence: 'bytes that do not match are dropped: upload and offset are as before',
    check: async (server) => {
      const url = await create(server)
      await server.patch(url, 0, 'hello', checksum('sha1', 'hello'))
      await server.patch(url, 5, 'wrong', checksum('sha1', 'world'))
      await server.requireOffset(url, 5)
      await server.patch(url, 5, 'wrong', { 'Upload-Checksum': 'rot13 aGVsbG8=' })
      await server.requireOffset(url, 5)
    },
  },
  {
    rule: 'CH-04',
    level: 'M',
    sentence: 'a file that was sent again after a mismatch has the right bytes',
    check: async (server) => {
      const url = await create(server)
      await server.patch(url, 0, 'wrong', checksum('sha1', 'hello'))
      await server.patch(url, 0, 'hello', checksum('sha1', 'hello'))
      await server.patch(url, 5, 'wrong', checksum('sha1', 'world'))
      await server.patch(url, 5, 'world', checksum('sha1', 'world'))
      const content = (await server.contentOf(url)).toString()
      requireThat(content === 'helloworld', 'helloworld', JSON.stringify(content))
    },
  },
  {
    rule: 'CH-05',
    level: 'M',
    sentence: 'sha1 is offered',
    check: async (server) => {
      server.need('checksum')
      const { algorithms } = server.offer
      requireThat(algorithms.includes('sha1'), 'sha1 in Tus-Checksum-Algorithm', algorithms.join(','))
    },
  },
  {
    rule: 'CH-06',
    level: 'M',
    sentence: 'names of algorithms are ASCII without capitals',
    check: async (server) => {
      server.need('checksum')
      const wrong = server.offer.algorithms.filter((name) => !/^[!-@[-~]+$/.test(name))
      requireThat(wrong.length === 0, 'ASCII without capitals', wrong.join(','))
    },
  },
  {
    rule: 'CH-07',
    level: 'M',
    sentence: 'OPTIONS has Tus-Checksum-Algorithm, a list',
    check: async (server) => {
      server.need('checksum')
      const answer = await server.send('OPTIONS', server.url)
      requireHeader(answer, 'Tus-Checksum-Algorithm', /^[^\s,]+(?:\s*,\s*[^\s,]+)*$/)
    },
  },
  {
    rule: 'CH-08',
    level: 'M',
    sentence: 'a server that names checksum-trailer verifies with a checksum that comes after the body',
    check: async (server) => {
      const url = await create(server)
      const wrong = await patchWithTrailer(server, url, checksum('sha1', 'other'))
      requireThat(wrong.status >= 400, 'a refusal of a wrong sha1', String(wrong.status))
      await server.requireOffset(url, 0)
      requireStatus(await patchWithTrailer(server, url, checksum('sha1', 'hello')), 204)
      await server.requireOffset(url, 5)
    },
  },
  {
    rule: 'CH-09',
    level: 'D',
    sentence:
      'an Upload-Checksum that is not an algorithm and Base64 of its length is 400, and nothing is stored',
    check: async (server) => {
      const url = await create(server)
      const broken = ['', 'sha1', 'sha1 ', 'sha1 !!!!', 'sha1 aGVsbG8=', 'aGVsbG8='] as const
      await requireStatusOfEach(broken, [400], (value) =>
        server.patch(url, 0, 'hello', { 'Upload-Checksum': value }),
      )
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'CH-10',
    level: 'D',
    sentence: 'a body with a checksum that breaks off cannot be verified, and is dropped whole',
    check: async (server) => {
      const url = await create(server)
      const head = { 'Content-Type': OCTET_STREAM, 'Upload-Offset': '0', 'Content-Length': '10' }
      const patch = server.open('PATCH', url, { ...head, ...checksum('sha1', 'helloworld') })
      await patch.write(Buffer.from('hello'))
      await delay(200)
      patch.reset()
      await delay(300)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'CH-11',
    level: 'D',
    sentence: 'a checksum that was announced as a trailer and does not come is 400, and so are two',
    check: async (server) => {
      const url = await create(server)
      requireStatus(await patchWithTrailer(server, url, {}), 400)
      const sum = checksum('sha1', 'hello')
      requireStatus(await patchWithTrailer(server, url, sum, sum), 400)
      await server.requireOffset(url, 0)
    },
  },
  {
    rule: 'CW-06',
    level: 'D',
    sentence: 'a checksum is verified in a creation too: a mismatch is 460, and no byte of it counts',
    check: async (server) => {
      server.need('checksum', 'creation-with-upload')
      const piece = { 'Upload-Length': '10', 'Content-Type': OCTET_STREAM }
      const right = await server.post({ ...piece, ...checksum('sha1', 'hello') }, 'hello')
      requireHeader(right, 'Upload-Offset', '5')
      const wrong = await server.post({ ...piece, ...checksum('sha1', 'other') }, 'hello')
      requireStatus(wrong, MISMATCH)
      if (wrong.header('Location') !== undefined) await server.requireOffset(server.locationOf(wrong), 0)
    },
  },
]

async function create(server: TestedServer): Promise<string> {
  server.need('checksum')
  return await server.create()
}

/** Also for crc32, whose four bytes go as a number does on the wire: the highest first. */
export function checksum(algorithm: string, bytes: string): Record<string, string> {
  const digest = algorithm === 'crc32' ? crc32Of(bytes) : createHash(algorithm).update(bytes).digest()
  return { 'Upload-Checksum': `${algorithm} ${digest.toString('base64')}` }
}

function crc32Of(bytes: string): Buffer {
  const digest = Buffer.alloc(4)
  digest.writeUInt32BE(crc32(bytes))
  return digest
}

function canCompute(algorithm: string): boolean {
  return algorithm === 'crc32' || getHashes().includes(algorithm)
}

async function patchWithTrailer(
  server: TestedServer,
  url: string,
  trailers: Record<string, string>,
  headers: Headers = {},
): Promise<Answer> {
  server.need('checksum-trailer')
  const patch = server.open('PATCH', url, {
    'Content-Type': OCTET_STREAM,
    'Upload-Offset': '0',
    'Transfer-Encoding': 'chunked',
    Trailer: 'Upload-Checksum',
    ...headers,
  })
  return await patch.end(Buffer.from('hello'), trailers).answer
}
