import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createUploadId } from '../../src/core/upload-id.ts'
import type { OpenUpload } from '../../src/core/upload-store.ts'
import { BufferMemory } from '../../src/storage/buffers/buffer-memory.ts'
import { S3UploadStore } from '../../src/storage/drivers/s3/upload-store.ts'
import { chunksOf } from '../support/chunks.ts'
import { s3Options } from '../support/s3-location.ts'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'

const MIB = 1024 ** 2
const BUDGET_BYTES = 8 * MIB
const BUCKET = 'uploads'

describe('uploads that need more memory than there is', () => {
  let s3: S3TestServer
  let store: S3UploadStore
  let memory: BufferMemory
  let spillDirectory: string

  beforeEach(async () => {
    s3 = await startS3Server({ buckets: [BUCKET] })
    spillDirectory = await mkdtemp(join(tmpdir(), 'tusker-spill-'))
    memory = new BufferMemory(BUDGET_BYTES)
    store = new S3UploadStore(s3Options(s3, BUCKET), { memory, spillDirectory })
  })

  afterEach(async () => {
    store.s3.close()
    await s3.close()
    await rm(spillDirectory, { recursive: true })
  })

  async function begin(lengthBytes: number): Promise<OpenUpload> {
    const createdAt = new Date()
    return await store.begin(
      { id: createUploadId(), lengthBytes, metadata: {}, rawMetadata: undefined, createdAt },
      { bodyFollows: true },
    )
  }

  function content({ upload }: OpenUpload): Buffer | undefined {
    return s3.objects(BUCKET).get(upload.id)?.body
  }

  test('stay within it, arrive whole, and leave nothing on the disk', async () => {
    const uploads = Array.from({ length: 12 }, () => randomBytes(7 * MIB + 1))
    await Promise.all(
      uploads.map(async (data) => {
        const begun = await begin(data.byteLength)
        await begun.write(watched(chunksOf(data)))
        expect(content(begun)?.equals(data)).toBe(true)
      }),
    )
    expect(memory.usedBytes).toBe(0)
    expect(await readdir(spillDirectory)).toEqual([])
  })

  test('do not keep a small one waiting while many clients send little', async () => {
    const slow = Array.from({ length: 40 }, () => new Trickle(randomBytes(MIB)))
    const writing = slow.map(async (trickle) => {
      const begun = await begin(2 * MIB)
      await begun.write(watched(trickle.body()))
      return begun
    })
    // All that they have sent so far does not fit: 40 MiB of bytes, 8 MiB of memory.
    await Promise.all(slow.map(async ({ sent }) => await sent))
    const data = randomBytes(1024)
    const small = await begin(data.byteLength)
    await small.write(chunksOf(data))
    expect(content(small)?.equals(data)).toBe(true)
    for (const trickle of slow) trickle.end()
    for (const begun of await Promise.all(writing)) expect(begun.upload.offsetBytes).toBe(MIB)
    // What is left are the tails, in memory as far as they fit, for the next write.
    expect(memory.usedBytes).toBeLessThanOrEqual(BUDGET_BYTES)
    expect(await readdir(spillDirectory)).toEqual([])
  })

  test('give up the tails that they remember: the next write fetches its own', async () => {
    const data = randomBytes(5 * MIB + 10)
    const first = await begin(data.byteLength)
    await first.write(chunksOf(data.subarray(0, 4 * MIB)))
    expect(memory.usedBytes).toBe(4 * MIB)
    const other = await begin(5 * MIB)
    await other.write(watched(chunksOf(randomBytes(5 * MIB))))
    expect(memory.usedBytes).toBe(0)
    const again = await store.open(first.upload.id, { isContinued: true })
    s3.clearRequests()
    await again.write(chunksOf(data.subarray(4 * MIB)))
    expect(s3.requests[0]).toMatchObject({ operation: 'GetObject', key: `${first.upload.id}.part` })
    expect(content(again)?.equals(data)).toBe(true)
  })

  /** The body as it is; at each chunk the memory must be within its budget. */
  async function* watched(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of body) {
      expect(memory.usedBytes).toBeLessThanOrEqual(BUDGET_BYTES)
      yield chunk
    }
  }
})

/** A client that has sent some bytes and then says nothing more, until it goes. */
class Trickle {
  readonly #data: Buffer
  readonly #sent = deferred()
  readonly #ended = deferred()

  constructor(data: Buffer) {
    this.#data = data
  }

  get sent(): Promise<void> {
    return this.#sent.promise
  }

  async *body(): AsyncIterable<Uint8Array> {
    yield* chunksOf(this.#data)
    this.#sent.resolve()
    await this.#ended.promise
  }

  end(): void {
    this.#ended.resolve()
  }
}

interface Deferred {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

function deferred(): Deferred {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
