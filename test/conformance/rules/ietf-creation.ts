import { IetfClient, readLimits } from '../ietf-dialect.ts'
import {
  NotOffered,
  NotSeen,
  requireHeader,
  requireRefused,
  requireStatus,
  requireSuccess,
  requireThat,
} from '../outcome.ts'
import type { Rule } from '../rule.ts'

/** The IETF protocol: what is offered, and how an upload begins. */
export const IETF_CREATION: readonly Rule[] = [
  {
    rule: 'R-01',
    level: 'M',
    sentence: 'every upload has a URL of its own',
    check: async (server) => {
      const client = new IetfClient(server)
      requireThat((await client.begin()) !== (await client.begin()), 'two URLs', 'one')
    },
  },
  {
    rule: 'R-03',
    level: 'M',
    sentence: 'a header of another type than the field has is taken for none',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin({ 'Upload-Length': '"ten"' })
      requireHeader(await client.head(url), 'Upload-Length', undefined)
    },
  },
  {
    rule: 'R-04',
    level: 'M',
    sentence: 'a body that ends the upload at another length than Upload-Length says is refused',
    check: async (server) => {
      const client = new IetfClient(server)
      const headers = { 'Upload-Length': '10' }
      requireRefused(await client.create({ body: 'hello', complete: true, headers }))
    },
  },
  {
    rule: 'R-08',
    level: 'M',
    sentence: 'OPTIONS has Upload-Limit, a dictionary',
    check: async (server) => {
      const client = new IetfClient(server)
      readLimits(client, await server.send('OPTIONS', server.url, client.headers()))
    },
  },
  {
    rule: 'R-08',
    level: 'D',
    sentence: 'OPTIONS is 200 with Upload-Limit, whoever asks: Apple’s clients ask so',
    check: async (server) => {
      const client = new IetfClient(server)
      const answer = await server.send('OPTIONS', server.url, { 'Tus-Resumable': undefined })
      requireStatus(answer, 200)
      readLimits(client, answer)
    },
  },
  {
    rule: 'R-10',
    level: 'S',
    sentence: 'a refusal for a limit has Upload-Limit',
    check: async (server) => {
      const client = new IetfClient(server)
      const limits = readLimits(client, await server.send('OPTIONS', server.url, client.headers()))
      const maxSize = limits.get('max-size')
      if (maxSize === undefined) throw new NotOffered('ietf limits')
      const headers = { 'Upload-Length': String(maxSize + 1) }
      const answer = await client.create({ complete: false, headers })
      requireStatus(answer, 413)
      readLimits(client, answer)
    },
  },
  {
    rule: 'R-11',
    level: 'M',
    sentence: 'min-append-size does not count for an empty creation, nor for the end of an upload',
    check: async (server) => {
      const client = new IetfClient(server)
      requireSuccess(await client.append(await client.begin(), 0, { body: 'x', complete: true }))
    },
  },
  {
    rule: 'R-14',
    level: 'M',
    sentence: 'a whole upload in one request is a success, and complete',
    check: async (server) => {
      const client = new IetfClient(server)
      const answer = await client.create({ body: 'hello', complete: true })
      requireSuccess(answer)
      if (answer.header('Location') === undefined) throw new NotSeen('the answer names no upload to ask for')
      const head = await client.head(server.locationOf(answer))
      client.requireMark(head, true)
      requireHeader(head, 'Upload-Offset', '5')
    },
  },
  {
    rule: 'R-15',
    level: 'M',
    sentence: 'the answer to a first piece has Location and Upload-Limit',
    check: async (server) => {
      const client = new IetfClient(server)
      const answer = await client.create({ body: 'hello', complete: false })
      requireSuccess(answer)
      requireHeader(answer, 'Location', /./, '(any)')
      if (client.dialect.hasLimits) readLimits(client, answer)
    },
  },
  {
    rule: 'R-15',
    level: 'S',
    sentence: 'the answer to a first piece is 201',
    check: async (server) => {
      requireStatus(await new IetfClient(server).create({ body: 'hello', complete: false }), 201)
    },
  },
  {
    rule: 'R-16',
    level: 'M',
    sentence: 'the length is kept, whether Upload-Length says it or the end of the body',
    check: async (server) => {
      const client = new IetfClient(server)
      const told = await client.begin({ 'Upload-Length': '10' })
      requireHeader(await client.head(told), 'Upload-Length', '10')
      const ended = await client.begin()
      await client.append(ended, 0, { body: 'hello', complete: true })
      requireHeader(await client.head(ended), 'Upload-Length', '5')
    },
  },
  {
    rule: 'R-19',
    level: 'S',
    sentence: 'the answer to a creation says whether the upload is complete',
    check: async (server) => {
      const client = new IetfClient(server)
      client.requireMark(await client.create({ body: 'hello', complete: false }), false)
      client.requireMark(await client.create({ body: 'hello', complete: true }), true)
    },
  },
]
