import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Exchange } from '../http-exchange.ts'
import { NotSeen, requireHeader, requireStatus, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import { OCTET_STREAM, type TestedServer } from '../tested-server.ts'

const LENGTH_BYTES = 100_000
const SENT_BYTES = 60_000

/** PATCHes that break off, stand still, or meet another request. */
export const CORE_INTERRUPTIONS: readonly Rule[] = [
  {
    rule: 'C-22',
    level: 'S',
    sentence: 'a request that stands still is ended, its connection closed, and what arrived is kept',
    check: async (server) => {
      const { url, patch } = await beginPatch(server, '.')
      await patch.answer.catch(() => undefined)
      // Our own end of the wait closes the connection too.
      if (await isPatient(server, patch))
        throw new NotSeen(`it is let wait longer than ${server.timeoutMs} ms`)
      await closing(patch)
      requireThat(patch.isClosed, 'the connection is closed', 'it is still open')
      await server.requireOffsetSoon(url, SENT_BYTES)
    },
  },
  {
    rule: 'C-23',
    level: 'S',
    sentence: 'what arrived before a connection was reset is kept',
    check: async (server) => {
      const { url, patch } = await beginPatch(server, '.')
      patch.reset()
      await server.requireOffsetSoon(url, SENT_BYTES)
    },
  },
  {
    rule: 'C-26',
    level: 'D',
    sentence: 'what arrived before a client ended its request too early is kept',
    check: async (server) => {
      const { url, patch } = await beginPatch(server, '.')
      patch.halfClose()
      await server.requireOffsetSoon(url, SENT_BYTES)
    },
  },
  {
    rule: 'C-26',
    level: 'M',
    sentence: 'an upload that was interrupted can be finished, and has the bytes that were sent',
    check: async (server) => {
      const { url, patch } = await beginPatch(server, 'a')
      patch.reset()
      await delay(300)
      const offset = await server.offsetOf(url)
      requireStatus(await server.patch(url, offset, 'b'.repeat(LENGTH_BYTES - offset)), 204)
      const content = (await server.contentOf(url)).toString('latin1')
      const isSound = content === 'a'.repeat(offset) + 'b'.repeat(LENGTH_BYTES - offset)
      requireThat(isSound, 'the bytes that were sent', 'others')
    },
  },
  {
    rule: 'C-27',
    level: 'D',
    sentence: 'HEAD during a PATCH tells an offset at which the upload goes on',
    check: async (server) => {
      const { url, patch } = await beginPatch(server, '.')
      const offset = await server.offsetOf(url)
      requireStatus(await server.patch(url, offset, 'more'), 204)
      patch.reset()
      await server.requireOffset(url, offset + 4)
    },
  },
  {
    rule: 'C-27',
    level: 'D',
    sentence: 'of two PATCHes at one offset at most one is a success, and their bytes are not mixed',
    check: async (server) => await requireOneWriter(server),
  },
]

interface BegunPatch {
  readonly url: string
  readonly patch: Exchange
}

/** A PATCH of which 60,000 of 100,000 bytes are sent. */
async function beginPatch(server: TestedServer, letter: string): Promise<BegunPatch> {
  const url = await server.create({ 'Upload-Length': String(LENGTH_BYTES) })
  const patch = server.open('PATCH', url, {
    'Content-Type': OCTET_STREAM,
    'Upload-Offset': '0',
    'Content-Length': String(LENGTH_BYTES),
  })
  await patch.write(Buffer.from(letter.repeat(SENT_BYTES)))
  // It must arrive before whatever happens next.
  await delay(200)
  return { url, patch }
}

async function requireOneWriter(server: TestedServer): Promise<void> {
  const { url, patch: first } = await beginPatch(server, 'a')
  const second = await server.patch(url, 0, 'b'.repeat(LENGTH_BYTES))
  first.end(Buffer.from('a'.repeat(LENGTH_BYTES - SENT_BYTES)))
  const answers = [await answerOf(first), second]
  const successes = answers.filter((answer) => answer?.status === 204).length
  requireThat(successes <= 1, 'at most one 204', `${successes}`)
  const offset = await server.offsetOf(url)
  if (offset < LENGTH_BYTES) {
    const rest = await server.patch(url, offset, 'c'.repeat(LENGTH_BYTES - offset))
    requireHeader(rest, 'Upload-Offset', String(LENGTH_BYTES))
  }
  const content = (await server.contentOf(url)).toString('latin1')
  const isSound = content.length === LENGTH_BYTES && /^(?:a*|b*)c*$/.test(content)
  requireThat(isSound, 'the bytes of one of them', 'a mixture')
}

async function answerOf({ answer }: Exchange): Promise<Answer | undefined> {
  return await answer.catch(() => undefined)
}

async function isPatient(server: TestedServer, { answer }: Exchange): Promise<boolean> {
  const why = await answer.then(
    () => '',
    (error: Error) => error.message,
  )
  return why.includes(`${server.timeoutMs} ms`)
}

async function closing(exchange: Exchange): Promise<void> {
  for (let tries = 0; !exchange.isClosed && tries < 50; tries += 1) await delay(100)
}
