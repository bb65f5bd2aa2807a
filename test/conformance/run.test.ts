import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type RequestListener, type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type RunningApp, startApp } from '../support/start-app.ts'

const RUN = 'test/conformance/run.ts'

let server: Server | undefined
let app: RunningApp | undefined

afterEach(async () => {
  server?.close()
  server?.closeAllConnections()
  await app?.close()
  server = undefined
  app = undefined
})

interface Run {
  readonly code: number
  readonly output: string
}

function run(...flags: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--import', 'tsx', RUN, ...flags], (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr })
    })
  })
}

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/files`
}

/** Has OPTIONS of tus, and does nothing else as it should. */
const bad: RequestListener = (request, response) => {
  const headers = {
    'Tus-Resumable': '1.0.0',
    'Tus-Version': '1.0.0',
    'Tus-Extension': 'creation,termination',
  }
  const status = request.method === 'POST' ? 201 : 200
  response.writeHead(status, { ...headers, Location: '/files/1', 'Upload-Offset': '7' }).end()
}

describe('npm run conformance', () => {
  test('prints a line for each rule and ends with 0 if all of them hold', async () => {
    app = await startApp()
    const { code, output } = await run('--url', `${app.url}/files`, '--only', 'C-20,TE', '--no-ietf')
    expect(output).toMatch(/^C-20 {3}MUST {3}passed {6}the answer to PATCH has the new Upload-Offset/m)
    expect(output).toContain('6 passed, 0 failed, 0 differs, 0 not offered, 0 not seen')
    expect(code).toBe(0)
  })

  test('says of a rule that does not hold what was expected and what came, and ends with 1', async () => {
    const { code, output } = await run('--url', await serve(bad), '--only', 'C-19,C-20,C-25')
    expect(output).toMatch(/C-19 +MUST +failed .*\n +expected: PATCH: 204\n +came: +PATCH: 200/)
    expect(output).toMatch(/C-20 +MUST +failed/)
    expect(output).toMatch(/C-25 +own +differs/)
    expect(code).toBe(1)
  })

  test('decisions of our own that a server takes otherwise are no failure', async () => {
    expect(await run('--url', await serve(bad), '--only', 'C-25')).toMatchObject({ code: 0 })
  })

  test('prints JSON', async () => {
    const { output } = await run('--url', await serve(bad), '--only', 'C-19', '--json')
    expect(JSON.parse(output)).toEqual([
      {
        rule: 'C-19',
        level: 'M',
        sentence: 'PATCH that went well is 204',
        result: 'failed',
        expected: 'PATCH: 204',
        came: 'PATCH: 200',
      },
    ])
  })

  test('deletes what was created, and says what could not be', async () => {
    const deleted: string[] = []
    const url = await serve((request, response) => {
      if (request.method === 'DELETE') deleted.push(request.url ?? '')
      bad(request, response)
    })
    await run('--url', url, '--only', 'C-19')
    expect(deleted).toEqual(['/files/1'])
  })

  test('sends the headers that it is given, and shows none of them', async () => {
    const seen = new Set<string | undefined>()
    const url = await serve((request, response) => {
      seen.add(request.headers.authorization)
      response.setHeader('Upload-Offset', request.headers.authorization ?? '')
      response
        .writeHead(201, { 'Tus-Version': '1.0.0', 'Tus-Extension': 'creation', Location: '/files/1' })
        .end()
    })
    const { output } = await run('--url', url, '--only', 'C-20', '--header', 'Authorization: Bearer s3cret')
    expect([...seen]).toEqual(['Bearer s3cret'])
    expect(output).toContain('came:     Upload-Offset: ***')
    expect(output).not.toContain('s3cret')
  })

  test('says that a server is gone, instead of calling every rule broken', async () => {
    const url = await serve((request, response) => {
      if (request.method === 'PATCH') request.socket.destroy()
      else bad(request, response)
      if (request.method === 'PATCH') server?.close()
    })
    const { code, output } = await run('--url', url, '--only', 'C-19,C-20,C-25')
    expect(output).toContain('The server is gone')
    expect(output).not.toContain('C-20')
    expect(code).toBe(2)
  })

  test.each([
    ['no URL', []],
    ['a URL that is none', ['--url', 'nowhere']],
    ['a header without a value', ['--url', 'http://127.0.0.1:9/files', '--header', 'Authorization']],
    ['nobody at the URL', ['--url', 'http://127.0.0.1:9/files']],
  ])('with %s it ends with 2', async (_what, flags) => {
    expect(await run(...flags)).toMatchObject({ code: 2 })
  })

  test('where nobody speaks tus it says so and ends with 2', async () => {
    const url = await serve((_request, response) => void response.writeHead(404).end())
    const { code, output } = await run('--url', url)
    expect(output).toContain('The answer to OPTIONS (404) says nothing of tus')
    expect(code).toBe(2)
  })
})
