import { setTimeout as delay } from 'node:timers/promises'
import type { Exchange, Headers } from '../http-exchange.ts'
import { NotOffered, requireHeader, requireStatus, requireThat } from '../outcome.ts'
import { listOf } from '../offer.ts'
import type { Rule } from '../rule.ts'
import { OCTET_STREAM, type TestedServer } from '../tested-server.ts'
import { checksum } from './checksum.ts'

/** What an iPhone's upload task may add to a tus request (TUSKit). */
const IETF_HEADERS = { 'Upload-Complete': '?1', 'Upload-Draft-Interop-Version': '6' }

/** What tus clients need beside the protocol, as their code has it. */
export const CLIENTS: readonly Rule[] = [
  {
    rule: 'K-01',
    level: 'D',
    sentence: 'HEAD of an upload that is busy is 2xx or 423: on all else tus-js-client starts from zero',
    check: async (server) => {
      const { url, patch } = await beginPatch(server)
      const { status } = await server.head(url)
      patch.reset()
      requireThat((status >= 200 && status < 300) || status === 423, 'HEAD: 2xx or 423', `HEAD: ${status}`)
    },
  },
  {
    rule: 'K-02',
    level: 'D',
    sentence:
      'a PATCH that had to give way ends in an answer after which clients go on: 2xx, 409, 423, 5xx or none',
    check: async (server) => {
      const { url, patch } = await beginPatch(server)
      await server.head(url)
      const status = await Promise.race([statusOf(patch), delay(1_000, 'still running')])
      patch.reset()
      const isEnd = typeof status === 'number' && status >= 400 && status < 500
      requireThat(!isEnd || status === 409 || status === 423, 'PATCH: 409, 423 or 5xx', `PATCH: ${status}`)
    },
  },
  {
    rule: 'K-03',
    level: 'D',
    sentence: 'every PATCH that went well has Upload-Offset, a creation with bytes too, and DELETE is 204',
    check: async (server) => {
      const url = await server.create()
      requireHeader(await server.patch(url, 0, ''), 'Upload-Offset', '0')
      requireHeader(await server.patch(url, 0, 'hello'), 'Upload-Offset', '5')
      if (server.offers('creation-with-upload')) {
        const piece = { 'Upload-Length': '10', 'Content-Type': OCTET_STREAM }
        requireHeader(await server.post(piece, 'hello'), 'Upload-Offset', '5')
      }
      if (server.offers('termination')) requireStatus(await server.remove(url), 204)
    },
  },
  {
    rule: 'K-04',
    level: 'D',
    sentence: 'a stream that ends on a chunk’s boundary: the last PATCH has Upload-Length and no body',
    check: async (server) => {
      server.need('creation-defer-length')
      const url = await server.create({ 'Upload-Defer-Length': '1' })
      await server.patch(url, 0, 'hello')
      await server.patch(url, 5, 'world')
      const last = await server.patch(url, 10, '', { 'Upload-Length': '10' })
      requireStatus(last, 204)
      requireHeader(last, 'Upload-Offset', '10')
      requireHeader(await server.head(url), 'Upload-Length', '10')
    },
  },
  {
    rule: 'K-06',
    level: 'D',
    sentence: 'a client that resumes a deferred upload may tell the length with every PATCH',
    check: async (server) => {
      server.need('creation-defer-length')
      const url = await server.create({ 'Upload-Defer-Length': '1' })
      const length = { 'Upload-Length': '10' }
      requireStatus(await server.patch(url, 0, 'hello', length), 204)
      requireStatus(await server.patch(url, 5, 'world', length), 204)
    },
  },
  {
    rule: 'K-08',
    level: 'D',
    sentence: 'pages of other origins may send X-HTTP-Method-Override and X-Request-ID, and PATCH',
    check: async (server) => {
      const wanted = ['tus-resumable', 'upload-offset', 'x-http-method-override', 'x-request-id']
      const answer = await server.send('OPTIONS', server.url, preflight('PATCH', wanted))
      if (answer.header('Access-Control-Allow-Origin') === undefined) throw new NotOffered('CORS')
      const allowed = listOf(answer.header('Access-Control-Allow-Headers')?.toLowerCase())
      const missing = wanted.filter((name) => !allowed.includes(name))
      requireThat(missing.length === 0, wanted.join(', '), `all but ${missing.join(', ')}`)
      requireHeader(answer, 'Access-Control-Allow-Methods', /\bPATCH\b/)
    },
  },
  {
    rule: 'K-08',
    level: 'D',
    sentence: 'pages of other origins may read what tus answers',
    check: async (server) => {
      server.need('creation')
      const answer = await server.post({ 'Upload-Length': '10', Origin: 'https://app.example' })
      if (answer.header('Access-Control-Allow-Origin') === undefined) throw new NotOffered('CORS')
      const wanted = ['location', 'upload-offset', 'upload-length', 'upload-metadata', 'upload-expires']
      const exposed = listOf(answer.header('Access-Control-Expose-Headers')?.toLowerCase())
      const missing = wanted.filter((name) => !exposed.includes(name))
      requireThat(missing.length === 0, wanted.join(', '), `all but ${missing.join(', ')}`)
    },
  },
  {
    rule: 'K-09',
    level: 'D',
    sentence: 'a tus request to which the system added headers of the IETF protocol is a tus request',
    check: async (server) => {
      const url = await server.create({ 'Upload-Length': '10', ...IETF_HEADERS })
      const first = await server.patch(url, 0, 'hello', IETF_HEADERS)
      requireStatus(first, 204)
      requireHeader(first, 'Upload-Offset', '5')
      requireStatus(await server.patch(url, 5, 'world', IETF_HEADERS), 204)
      await server.requireOffset(url, 10)
    },
  },
  {
    rule: 'K-10',
    level: 'D',
    sentence: 'sha1 with every PATCH, as tuspy sends it, is verified',
    check: async (server) => {
      server.need('checksum')
      const url = await server.create()
      requireStatus(await server.patch(url, 0, 'hello', checksum('sha1', 'hello')), 204)
      requireStatus(await server.patch(url, 5, 'world', checksum('sha1', 'world')), 204)
    },
  },
]

async function beginPatch(server: TestedServer): Promise<{ url: string; patch: Exchange }> {
  const url = await server.create({ 'Upload-Length': '1000' })
  const patch = server.open('PATCH', url, {
    'Content-Type': OCTET_STREAM,
    'Upload-Offset': '0',
    'Content-Length': '1000',
  })
  await patch.write(Buffer.alloc(400))
  await delay(200)
  return { url, patch }
}

async function statusOf({ answer }: Exchange): Promise<number | string> {
  return await answer.then(
    ({ status }) => status,
    () => 'no answer',
  )
}

/** What a browser sends; it has no Tus-Resumable. */
function preflight(method: string, headers: readonly string[]): Headers {
  return {
    'Tus-Resumable': undefined,
    Origin: 'https://app.example',
    'Access-Control-Request-Method': method,
    'Access-Control-Request-Headers': headers.join(','),
  }
}
