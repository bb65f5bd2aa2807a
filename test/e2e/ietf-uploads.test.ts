import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startCutProxy } from '../support/cut-proxy.ts'
import { type E2eBackend, E2E_BACKENDS } from '../support/e2e-backends.ts'
import { type SampleFile, sha256OfUrl, writeSampleFile } from '../support/sample-file.ts'
import { type RunningServer, startServer } from '../support/start-server.ts'
import { type ClientResult, type ClientRun, runClient } from '../support/tus-client.ts'

const MIB = 1024 ** 2

const PROTOCOLS = ['ietf-draft-03', 'ietf-draft-05'] as const

/** With and without 104 responses, which tus-js-client does not know and must not stumble over. */
const CASES = E2E_BACKENDS.flatMap(([name, open]) =>
  PROTOCOLS.flatMap((protocol) =>
    ['off', 'on'].map((informational) => ({ name, open, protocol, informational })),
  ),
)

/** The real client in the dialects that it has, in its own process, against the built server, in its own process. */
describe.each(CASES)(
  'tus-js-client as $protocol, to $name, 104 $informational',
  ({ open, protocol, informational }) => {
    let directory: string
    let backend: E2eBackend
    let server: RunningServer
    let runs = 0

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'tusker-ietf-'))
      backend = await open(directory)
      const env = { ...backend.env, RUFH_INFORMATIONAL: informational }
      server = await startServer({ env, cwd: directory })
    })

    afterAll(async () => {
      await server?.stop()
      await backend?.close()
      await rm(directory, { recursive: true, force: true })
    })

    beforeEach(() => {
      runs += 1
    })

    function runOf(file: SampleFile, options: Partial<ClientRun> = {}): ClientRun {
      const urlStore = join(directory, `urls-${runs}.json`)
      return {
        endpoint: `${server.url}/files`,
        file: file.path,
        urlStore,
        protocol,
        ...options,
      }
    }

    async function sample(sizeBytes: number): Promise<SampleFile> {
      return await writeSampleFile(join(directory, `file-${runs}`), sizeBytes)
    }

    async function expectWhole(result: ClientResult, file: SampleFile): Promise<void> {
      expect(result.events.filter(({ event }) => event === 'error')).toEqual([])
      expect(result.succeeded).toBe(true)
      const path = new URL(result.url ?? '').pathname
      expect(await sha256OfUrl(`${server.url}${path}`)).toBe(file.sha256)
      await backend.expectNoRemains()
    }

    test.each([0, 1, 17 * MIB + 123])('a file of %i bytes goes through', async (sizeBytes) => {
      const file = await sample(sizeBytes)
      await expectWhole(await runClient(runOf(file)), file)
    })

    test.each([5 * MIB, 6 * MIB + 1])('chunks of %i bytes go through', async (chunkSize) => {
      const file = await sample(17 * MIB + 123)
      await expectWhole(await runClient(runOf(file, { chunkSize })), file)
    })

    test('a client that is killed twice is resumed by a new one', async () => {
      const file = await sample(21 * MIB + 7)
      for (const dieAtByte of [randomInt(1, 9 * MIB), randomInt(10 * MIB, 20 * MIB)]) {
        const killed = await runClient(runOf(file, { dieAtByte }))
        expect(killed.succeeded).toBe(false)
      }
      const result = await runClient(runOf(file))
      expect(result.resumed).toBe(true)
      await expectWhole(result, file)
    })

    test('a client that is killed as one is resumed as one of tus, and the other way round', async () => {
      const file = await sample(21 * MIB + 7)
      await runClient(runOf(file, { dieAtByte: randomInt(1, 7 * MIB) }))
      await runClient(runOf(file, { protocol: 'tus-v1', dieAtByte: randomInt(8 * MIB, 14 * MIB) }))
      const result = await runClient(runOf(file))
      expect(result.resumed).toBe(true)
      await expectWhole(result, file)
    })

    test('a connection that is cut in the middle costs nothing', async () => {
      const file = await sample(12 * MIB + 1)
      const proxy = await startCutProxy(server.port)
      proxy.setBytesPerSecond(16 * MIB)
      let cuts = 0
      const cut = (): void => {
        if (proxy.bytesToServer() < (cuts + 1) * 4 * MIB || cuts >= 2) return
        cuts += 1
        proxy.cut()
        setTimeout(() => proxy.restore(), 150)
      }
      const timer = setInterval(cut, 20)
      const result = await runClient(runOf(file, { endpoint: `${proxy.url}/files` }))
      clearInterval(timer)
      await proxy.close()
      expect(cuts).toBe(2)
      await expectWhole(result, file)
      expect(new Set(result.events.flatMap(({ url }) => url ?? [])).size).toBe(1)
    })
  },
)
