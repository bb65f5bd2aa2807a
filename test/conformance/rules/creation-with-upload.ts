import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Headers } from '../http-exchange.ts'
import { requireHeader, requireStatus, requireThat } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import { OCTET_STREAM, type TestedServer } from '../tested-server.ts'

const PIECE = { 'Upload-Length': '10', 'Content-Type': OCTET_STREAM }

/** creation-with-upload: the first bytes come with the POST. */
export const CREATION_WITH_UPLOAD: readonly Rule[] = [
  {
    rule: 'CW-01',
    level: 'M',
    sentence: 'creation-with-upload is not named without creation',
    check: async (server) => {
      server.need('creation-with-upload')
      requireThat(server.offers('creation'), 'creation in Tus-Extension', 'only creation-with-upload')
    },
  },
  {
    rule: 'CW-02',
    level: 'D',
    sentence: 'a body of another Content-Type is no piece of the upload: it is ignored',
    check: async (server) => {
      server.need('creation-with-upload')
      const answer = await server.post({ 'Upload-Length': '10', 'Content-Type': 'text/plain' }, 'hello')
      requireStatus(answer, 201)
      requireHeader(answer, 'Upload-Offset', undefined)
      await server.requireOffset(server.locationOf(answer), 0)
    },
  },
  {
    rule: 'CW-03',
    level: 'M',
    sentence: 'the answer is 201 with the Upload-Offset after the bytes, and HEAD agrees',
    check: async (server) => {
      const answer = await createWith(server, 'hello')
      requireStatus(answer, 201)
      requireHeader(answer, 'Upload-Offset', '5')
      await server.requireOffset(server.locationOf(answer), 5)
    },
  },
  {
    rule: 'CW-03',
    level: 'S',
    sentence: 'the whole file may come with the creation',
    check: async (server) => {
      const answer = await createWith(server, 'helloworld')
      requireStatus(answer, 201)
      requireHeader(answer, 'Upload-Offset', '10')
    },
  },
  {
    rule: 'CW-03',
    level: 'D',
    sentence: 'a chunked body is taken too',
    check: async (server) => {
      const answer = await createWith(server, 'hello', { 'Transfer-Encoding': 'chunked' })
      requireHeader(answer, 'Upload-Offset', '5')
    },
  },
  {
    rule: 'CW-03',
    level: 'D',
    sentence: 'an upload of unknown length may begin with its first bytes',
    check: async (server) => {
      server.need('creation-defer-length')
      const unknown = { 'Upload-Length': undefined, 'Upload-Defer-Length': '1' }
      const answer = await createWith(server, 'hello', unknown)
      requireStatus(answer, 201)
      requireHeader(answer, 'Upload-Offset', '5')
      requireHeader(await server.head(server.locationOf(answer)), 'Upload-Defer-Length', '1')
    },
  },
  {
    rule: 'CW-03',
    level: 'D',
    sentence: 'a body longer than the upload is 413 before anything is created',
    check: async (server) => {
      const answer = await createWith(server, 'x'.repeat(11))
      requireStatus(answer, 413)
      requireHeader(answer, 'Location', undefined)
    },
  },
  {
    rule: 'CW-04',
    level: 'D',
    sentence: 'Expect: 100-continue is answered with 100 Continue, and then with 201',
    check: async (server) => {
      const { answer, wasContinued } = await expectContinue(server, PIECE)
      requireStatus(answer, 201)
      requireThat(wasContinued, '100 Continue before the body', 'none')
      requireHeader(answer, 'Upload-Offset', '10')
    },
  },
  {
    rule: 'CW-04',
    level: 'D',
    sentence: 'a request that is refused is refused at once, without 100 Continue',
    check: async (server) => {
      for (const fault of [
        { 'Tus-Resumable': '0.2.2' },
        { 'Upload-Length': '-1' },
        { 'Upload-Length': '9' },
      ]) {
        const { answer, wasContinued } = await expectContinue(server, { ...PIECE, ...fault })
        requireThat(answer.status >= 400, 'a refusal', String(answer.status))
        requireThat(!wasContinued, `${answer.status} without 100 Continue`, '100 Continue first')
      }
    },
  },
]

async function createWith(server: TestedServer, body: string, headers: Headers = {}): Promise<Answer> {
  server.need('creation-with-upload')
  return await server.post({ ...PIECE, ...headers }, body)
}

/** Sends the head, waits for what comes, and sends the ten bytes only if they are asked for. */
async function expectContinue(
  server: TestedServer,
  headers: Headers,
): Promise<{ answer: Answer; wasContinued: boolean }> {
  server.need('creation-with-upload')
  const exchange = server.open('POST', server.url, {
    ...headers,
    'Content-Length': '10',
    Expect: '100-continue',
  })
  exchange.flush()
  const early = await Promise.race([exchange.answer, continued(exchange)])
  const wasContinued = exchange.interim.some(({ status }) => status === 100)
  if (early === undefined) exchange.end(Buffer.from('helloworld'))
  const answer = await exchange.answer
  if (early !== undefined) exchange.reset()
  return { answer, wasContinued }
}

/** Resolves when 100 Continue has come, or after the second that clients wait for it. */
async function continued({ interim }: { interim: readonly { status: number }[] }): Promise<undefined> {
  for (let tries = 0; tries < 50 && !interim.some(({ status }) => status === 100); tries += 1) await delay(20)
}
