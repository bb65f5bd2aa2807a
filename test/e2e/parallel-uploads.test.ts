import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type CutProxy, startCutProxy } from '../support/cut-proxy.ts'
import { type E2eBackend, E2E_BACKENDS, expectNoParts, s3Environment } from '../support/e2e-backends.ts'
import { type FaultyS3, testServerTarget } from '../support/faulty-s3.ts'
import { type SampleFile, sha256OfUrl, writeSampleFile } from '../support/sample-file.ts'
import { type RunningServer, startServer } from '../support/start-server.ts'
import { type ClientResult, runClient } from '../support/tus-client.ts'

const MIB = 1024 ** 2
const FILE_BYTES = 200 * MIB + 3

let directory: string
let server: RunningServer | undefined

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tusker-parallel-'))
})

afterEach(async () => {
  await server?.stop()
  await rm(directory, { recursive: true, force: true })
})

async function sample(): Promise<SampleFile> {
  return await writeSampleFile(join(directory, 'file'), FILE_BYTES)
}

async function send(file: SampleFile, url: string, options: object): Promise<ClientResult> {
  const urlStore = join(directory, 'urls.json')
  return await runClient({ endpoint: `${url}/files`, file: file.path, urlStore, ...options })
}

async function expectWhole(result: ClientResult, file: SampleFile): Promise<void> {
  expect(result.events.filter(({ event }) => event === 'error')).toEqual([])
  expect(result.succeeded).toBe(true)
  expect(await sha256OfUrl(result.url ?? '')).toBe(file.sha256)
}

/** tus-js-client's parallelUploads: partial uploads side by side, and a final one of them. */
describe.each(E2E_BACKENDS)('a file of 200 MiB sent in parallel to %s', (_name, openBackend) => {
  let backend: E2eBackend

  beforeEach(async () => {
    backend = await openBackend(directory)
  })

  afterEach(() => backend.close())

  test.each([
    [2, {}, {}],
    [4, { chunkSize: 7 * MIB }, { TUS_PARTIAL_RETENTION: '0' }],
    [8, {}, {}],
  ])(
    'in %i pieces (client %j, server %j) is whole',
    async (parallelUploads, options, env: Record<string, string>) => {
      server = await startServer({ env: { ...backend.env, ...env }, cwd: directory })
      const file = await sample()
      const result = await send(file, server.url, { parallelUploads, ...options })
      await expectWhole(result, file)
      await backend.expectNoRemains()
    },
    120_000,
  )
})

describe('a file of 200 MiB sent in parallel over a bad network', () => {
  let proxy: CutProxy | undefined

  afterEach(() => proxy?.close())

  /** Cuts every connection each time so many bytes have come through, until it is stopped; how often it did. */
  async function startCutting(port: number): Promise<() => number> {
    const line = await startCutProxy(port)
    proxy = line
    let cuts = 0
    let nextCut = 30 * MIB
    const timer = setInterval(() => {
      if (line.bytesToServer() < nextCut) return
      nextCut = line.bytesToServer() + 45 * MIB
      line.cut()
      cuts += 1
      setTimeout(() => line.restore(), 150)
    }, 10)
    return () => {
      clearInterval(timer)
      return cuts
    }
  }

  test.each([2, 4, 8])(
    'to a local location, in %i pieces, is whole',
    async (parallelUploads) => {
      server = await startServer({ env: {}, cwd: directory })
      const stopCutting = await startCutting(server.port)
      const file = await sample()
      const result = await send(file, proxy?.url ?? '', { parallelUploads })
      expect(stopCutting()).toBeGreaterThan(1)
      await expectWhole(result, file)
    },
    120_000,
  )

  test.each([2, 4, 8])(
    'to an S3 location that refuses requests too, in %i pieces, is whole',
    async (parallelUploads) => {
      const s3: FaultyS3 = await testServerTarget().open()
      const { bucket } = await s3.createBucket()
      server = await startServer({ env: s3Environment(s3.access, bucket), cwd: directory })
      const slowDown = { kind: 'status', status: 503, code: 'SlowDown' } as const
      const faults = [
        s3.inject({ operation: 'UploadPart', skip: 5, times: 3, fault: slowDown }),
        s3.inject({ operation: 'UploadPartCopy', times: 2, fault: slowDown }),
        s3.inject({ operation: 'UploadPartCopy', skip: 1, fault: { kind: 'answer-lost' } }),
        s3.inject({ operation: 'CompleteMultipartUpload', skip: parallelUploads, fault: slowDown }),
      ]
      const stopCutting = await startCutting(server.port)
      const file = await sample()
      const result = await send(file, proxy?.url ?? '', { parallelUploads })
      expect(stopCutting()).toBeGreaterThan(1)
      await expectWhole(result, file)
      expect(faults.map(({ hits }) => hits > 0)).toEqual([true, true, true, true])
      await expectNoParts(s3.access, bucket)
      await s3.close()
    },
    120_000,
  )
})
