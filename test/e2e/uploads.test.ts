import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type E2eBackend, E2E_BACKENDS } from '../support/e2e-backends.ts'
import { type SampleFile, sha256OfUrl, writeSampleFile } from '../support/sample-file.ts'
import { type RunningServer, startServer } from '../support/start-server.ts'
import { type ClientEvent, type ClientResult, type ClientRun, runClient } from '../support/tus-client.ts'

const MIB = 1024 ** 2

/** The real client, in its own process, against the built server, in its own process. */
describe.each(E2E_BACKENDS)('uploads to %s', (_name, openBackend) => {
  let directory: string
  let backend: E2eBackend
  let server: RunningServer
  let run: (file: SampleFile, options?: Partial<ClientRun>) => ClientRun
  let runs = 0

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tusker-e2e-'))
    backend = await openBackend(directory)
    server = await startServer({ env: backend.env, cwd: directory })
  })

  afterAll(async () => {
    await server?.stop()
    await backend?.close()
    await rm(directory, { recursive: true, force: true })
  })

  beforeEach(() => {
    runs += 1
    const urlStore = join(directory, `urls-${runs}.json`)
    run = (file, options = {}) => ({ endpoint: `${server.url}/files`, file: file.path, urlStore, ...options })
  })

  async function sample(sizeBytes: number): Promise<SampleFile> {
    return await writeSampleFile(join(directory, `file-${runs}`), sizeBytes)
  }

  async function expectWhole(result: ClientResult, file: SampleFile): Promise<void> {
    expect(result.events.filter(({ event }) => event === 'error')).toEqual([])
    expect(result.succeeded).toBe(true)
    expect(await sha256OfUrl(result.url ?? '')).toBe(file.sha256)
    await backend.expectNoRemains()
  }

  test('50 MiB go through in one PATCH', async () => {
    const file = await sample(50 * MIB)
    await expectWhole(await runClient(run(file)), file)
  })

  test.each([0, 1])('a file of %i bytes goes through', async (sizeBytes) => {
    const file = await sample(sizeBytes)
    await expectWhole(await runClient(run(file)), file)
  })

  test.each([1 * MIB, 5 * MIB, 6 * MIB])('chunks of %i bytes go through', async (chunkSize) => {
    const file = await sample(17 * MIB + 123)
    await expectWhole(await runClient(run(file, { chunkSize })), file)
  })

  test.each([undefined, 1 * MIB, 6 * MIB])(
    'a client that is killed twice at random offsets is resumed by a new one (chunks of %s bytes)',
    async (chunkSize) => {
      const file = await sample(31 * MIB + 7)
      const options = chunkSize === undefined ? {} : { chunkSize }
      for (const dieAtByte of [randomInt(1, 12 * MIB), randomInt(13 * MIB, 31 * MIB)]) {
        const killed = await runClient(run(file, { ...options, dieAtByte }))
        expect(killed.succeeded).toBe(false)
      }
      const result = await runClient(run(file, options))
      expect(result.resumed).toBe(true)
      await expectWhole(result, file)
    },
  )

  // Not a multiple of the chunk: there tus-js-client 4.3.1 waits for ever on a Node stream that has ended.
  test.each([17 * MIB + 5, 12 * MIB + 1, 3])(
    'an upload whose length (%i bytes) is known only at its end goes through',
    async (sizeBytes) => {
      const file = await sample(sizeBytes)
      await expectWhole(await runClient(run(file, { deferLength: true, chunkSize: 4 * MIB })), file)
    },
  )

  test('a server that is stopped in the middle and started again loses nothing', async () => {
    const file = await sample(24 * MIB + 1)
    const restart = once(async () => {
      expect(await server.stop()).toBe(0)
      server = await startServer({ env: { ...backend.env, PORT: String(server.port) }, cwd: directory })
    })
    const result = await runClient(run(file, { chunkSize: 2 * MIB }), { onEvent: restart.after(9 * MIB) })
    await restart.done()
    await expectWhole(result, file)
    expect(restarts(result)).toBe(false)
  })

  test('a server that is killed (-9) in the middle and started again loses nothing', async () => {
    const file = await sample(24 * MIB + 1)
    const restart = once(async () => {
      await server.kill9()
      server = await startServer({ env: { ...backend.env, PORT: String(server.port) }, cwd: directory })
    })
    const result = await runClient(run(file, { chunkSize: 2 * MIB }), { onEvent: restart.after(9 * MIB) })
    await restart.done()
    await expectWhole(result, file)
    expect(restarts(result)).toBe(false)
  })
})

/** Runs `action` once, when the client has sent so much. */
function once(action: () => Promise<void>): {
  after: (bytes: number) => (event: ClientEvent) => void
  done: () => Promise<void>
} {
  let running: Promise<void> | undefined
  return {
    after: (bytes) => (event) => {
      if ((event.bytesSent ?? 0) >= bytes) running ??= action()
    },
    done: async () => {
      if (running === undefined) throw new Error('The client never got so far')
      await running
    },
  }
}

/** Whether the client threw away what it had and began again: a second URL. */
function restarts({ events }: ClientResult): boolean {
  return new Set(events.flatMap(({ event, url }) => (event === 'url' ? [url] : []))).size > 1
}
