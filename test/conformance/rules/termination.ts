import { setTimeout as delay } from 'node:timers/promises'
import { requireStatus } from '../outcome.ts'
import type { Rule } from '../rule.ts'
import { OCTET_STREAM } from '../tested-server.ts'

/** termination: DELETE. */
export const TERMINATION: readonly Rule[] = [
  {
    rule: 'TE-01',
    level: 'M',
    sentence: 'a server that names termination takes DELETE',
    check: async (server) => {
      server.need('termination')
      requireStatus(await server.remove(await server.create()), 200, 204)
    },
  },
  {
    rule: 'TE-02',
    level: 'M',
    sentence: 'DELETE is 204, of an upload that is not finished and of one that is',
    check: async (server) => {
      server.need('termination')
      const [open, finished] = [await server.create(), await server.create()]
      await server.patch(open, 0, 'hello')
      await server.patch(finished, 0, 'helloworld')
      requireStatus(await server.remove(open), 204)
      requireStatus(await server.remove(finished), 204)
    },
  },
  {
    rule: 'TE-03',
    level: 'S',
    sentence: 'what was deleted is 404 or 410 from then on',
    check: async (server) => {
      server.need('termination')
      for (const body of ['', 'hello', 'helloworld']) {
        const url = await server.create()
        await server.patch(url, 0, body)
        await server.remove(url)
        requireStatus(await server.head(url), 404, 410)
        requireStatus(await server.patch(url, body.length, 'x'), 404, 410)
        requireStatus(await server.send('GET', url), 404, 410, 405)
      }
    },
  },
  {
    rule: 'TE-03',
    level: 'D',
    sentence: 'DELETE of an upload that is not there is 404 or 410',
    check: async (server) => {
      server.need('termination')
      requireStatus(await server.remove(await server.unknownUrl()), 404, 410)
    },
  },
  {
    rule: 'TE-04',
    level: 'D',
    sentence: 'DELETE during a PATCH ends it, and nothing comes back',
    check: async (server) => {
      server.need('termination')
      const url = await server.create({ 'Upload-Length': '1000' })
      const patch = server.open('PATCH', url, {
        'Content-Type': OCTET_STREAM,
        'Upload-Offset': '0',
        'Content-Length': '1000',
      })
      await patch.write(Buffer.alloc(400))
      await delay(200)
      requireStatus(await server.remove(url), 204)
      patch.end(Buffer.alloc(600))
      await patch.answer.catch(() => undefined)
      await delay(300)
      requireStatus(await server.head(url), 404, 410)
    },
  },
]
