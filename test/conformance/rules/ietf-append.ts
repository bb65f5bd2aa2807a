import { gzipSync } from 'node:zlib'
import { setTimeout as delay } from 'node:timers/promises'
import { IetfClient } from '../ietf-dialect.ts'
import { requireHeader, requireRefused, requireStatus, requireSuccess, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'

/** The IETF protocol: PATCH. */
export const IETF_APPEND: readonly Rule[] = [
  {
    rule: 'R-04',
    level: 'M',
    sentence: 'a length that is known is never changed',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin({ 'Upload-Length': '10' })
      const headers = { 'Upload-Length': '20' }
      requireRefused(await client.append(url, 0, { body: 'hello', complete: false, headers }))
    },
  },
  {
    rule: 'R-06',
    level: 'M',
    sentence: 'nothing is appended to a complete upload',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      await client.append(url, 0, { body: 'hello', complete: true })
      await client.append(url, 5, { body: 'x', complete: false })
      await client.requireOffset(url, 5)
    },
  },
  {
    rule: 'R-06',
    level: 'D',
    sentence: 'an append of bytes to a complete upload is refused',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      await client.append(url, 0, { body: 'hello', complete: true })
      requireRefused(await client.append(url, 5, { body: 'x', complete: false }))
    },
  },
  {
    rule: 'R-23',
    level: 'S',
    sentence: 'what arrived before an append broke off is kept, and the upload is not complete',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      const patch = client.open(url, 0, { 'Content-Length': '1000' })
      await patch.write(Buffer.alloc(400))
      await delay(200)
      patch.reset()
      await server.requireOffsetSoon(url, 400)
      client.requireMark(await client.head(url), false)
    },
  },
  {
    rule: 'R-24',
    level: 'M',
    sentence: 'an append at another offset is 409 with the right Upload-Offset, and not complete',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin({ 'Upload-Length': '10' })
      await client.append(url, 0, { body: 'hello', complete: false })
      const answer = await client.append(url, 3, { body: 'x', complete: false })
      requireStatus(answer, 409)
      requireHeader(answer, 'Upload-Offset', '5')
      client.requireMark(answer, false)
    },
  },
  {
    rule: 'R-24',
    level: 'O',
    sentence: 'the 409 is a problem document with both offsets',
    check: async (server) => {
      const client = new IetfClient(server)
      const answer = await client.append(await client.begin(), 3, { body: 'x', complete: false })
      requireHeader(answer, 'Content-Type', /^application\/problem\+json/)
      const problem = JSON.parse(answer.body.toString()) as Record<string, unknown>
      const found = JSON.stringify([problem['expected-offset'], problem['provided-offset']])
      requireThat(found === '[0,3]', 'expected-offset 0, provided-offset 3', found)
    },
  },
  {
    rule: 'R-25',
    level: 'M',
    sentence: 'the append that ends the upload completes it, and its answer says so',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      const answer = await client.append(url, 0, { body: 'hello', complete: true })
      requireSuccess(answer)
      if (client.dialect.appendsAreMarked) client.requireMark(answer, true)
      client.requireMark(await client.head(url), true)
    },
  },
  {
    rule: 'R-26',
    level: 'M',
    sentence: 'an append that does not end the upload is 2xx, and its answer says that it is not complete',
    check: async (server) => {
      const client = new IetfClient(server)
      const answer = await client.append(await client.begin(), 0, { body: 'hello', complete: false })
      requireSuccess(answer)
      if (client.dialect.appendsAreMarked) client.requireMark(answer, false)
    },
  },
  {
    rule: 'R-27',
    level: 'O',
    sentence: 'an append whose answer was lost gets it again',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      const first = await client.append(url, 0, { body: 'hello', complete: true })
      requireStatus(await client.append(url, 5, { complete: true }), first.status)
    },
  },
  {
    rule: 'R-28',
    level: 'M',
    sentence: 'an append over the length is refused, and ends the upload for good',
    check: async (server) => {
      const client = new IetfClient(server)
      for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
        const url = await client.begin({ 'Upload-Length': '10' })
        requireRefused(await client.append(url, 0, { body: 'x'.repeat(11), complete: false, headers }))
        requireRefused(await client.append(url, 0, { body: 'hello', complete: false }))
        requireRefused(await client.append(url, 10, { complete: true }))
      }
    },
  },
  {
    rule: 'R-32',
    level: 'M',
    sentence: 'an offset that is told while an append runs is the one at which the upload goes on',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      const patch = client.open(url, 0, { 'Content-Length': '1000' })
      await patch.write(Buffer.alloc(400))
      await delay(200)
      const answer = await client.head(url)
      requireSuccess(answer)
      const offset = Number(answer.header('Upload-Offset'))
      requireSuccess(await client.append(url, offset, { body: 'more', complete: false }))
      patch.reset()
      await client.requireOffset(url, offset + 4)
    },
  },
  {
    rule: 'R-33',
    level: 'S',
    sentence: 'a new request on the upload ends the one that runs',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      const patch = client.open(url, 0, { 'Content-Length': '1000' })
      await patch.write(Buffer.alloc(400))
      await delay(200)
      await client.head(url)
      const ended = patch.answer.then(
        () => 'ended',
        () => 'ended',
      )
      const state = await Promise.race([ended, delay(2_000, 'still running')])
      patch.reset()
      requireThat(state === 'ended', 'the append that ran has ended', state)
    },
  },
  {
    rule: 'R-36',
    level: 'M',
    sentence: 'of a body with a Content-Encoding the coded bytes count',
    check: async (server) => {
      const client = new IetfClient(server)
      const url = await client.begin()
      const body = gzipSync('a'.repeat(1_000))
      const headers = { 'Content-Encoding': 'gzip' }
      requireSuccess(await client.append(url, 0, { body, complete: false, headers }))
      await client.requireOffset(url, body.byteLength)
    },
  },
]
