import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type UploadId, createUploadId } from '../../src/core/upload-id.ts'
import type { BeginOptions, OpenUpload, StoredUpload } from '../../src/core/upload-store.ts'
import type { Upload, UploadMetadata } from '../../src/core/upload.ts'
import { S3UploadStore } from '../../src/storage/drivers/s3/upload-store.ts'
import { chunksOf } from '../support/chunks.ts'
import { s3Options, testBufferSpace } from '../support/s3-location.ts'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'

const MIB = 1024 ** 2
const PART = 5 * MIB
const BUCKET = 'uploads'

/** Which requests an upload costs, and that it costs no others. */
describe('an upload in S3 asks for', () => {
  let s3: S3TestServer
  let store: S3UploadStore

  beforeEach(async () => {
    s3 = await startS3Server({ buckets: [BUCKET] })
    store = openStore()
  })

  afterEach(async () => {
    store.s3.close()
    await s3.close()
  })

  function openStore(): S3UploadStore {
    return new S3UploadStore(s3Options(s3, BUCKET), testBufferSpace())
  }

  /** Another process that takes over: it remembers nothing. */
  function restart(): void {
    store.s3.close()
    store = openStore()
    s3.clearRequests()
  }

  async function begin(
    lengthBytes: number | undefined,
    options: BeginOptions = {},
    metadata: UploadMetadata = {},
  ): Promise<OpenUpload> {
    const rawMetadata = Object.entries(metadata)
      .map(([key, value]) => `${key} ${Buffer.from(value ?? '').toString('base64')}`)
      .join(',')
    const createdAt = new Date('2026-01-02T03:04:05.678Z')
    return await store.begin({ id: createUploadId(), lengthBytes, metadata, rawMetadata, createdAt }, options)
  }

  /** One PATCH of a client whose uploads only this process has. */
  async function patch(id: UploadId, data: Buffer): Promise<void> {
    const opened = await store.open(id, { isContinued: true })
    await opened.write(chunksOf(data))
  }

  /** As if so many parts had been sent. */
  function fillParts(count: number): void {
    const body = Buffer.alloc(PART)
    const [multipart] = s3.multipartUploads(BUCKET)
    for (let partNumber = 1; partNumber <= count; partNumber += 1)
      multipart?.parts.set(partNumber, {
        partNumber,
        body,
        etag: '"1"',
        modifiedAt: new Date(),
        checksums: {},
      })
  }

  async function listed(): Promise<StoredUpload[]> {
    const uploads: StoredUpload[] = []
    for await (const upload of store.list()) uploads.push(upload)
    return uploads
  }

  function operations(): string[] {
    return s3.requests.map(({ operation }) => operation)
  }

  function bytesSent(): number {
    return s3.requests
      .filter(({ operation }) => operation === 'PutObject' || operation === 'UploadPart')
      .reduce((sum, { bytesReceived }) => sum + bytesReceived, 0)
  }

  function keys(): string[] {
    return [...s3.objects(BUCKET).keys()].toSorted()
  }

  function content(id: UploadId): Buffer | undefined {
    return s3.objects(BUCKET).get(id)?.body
  }

  describe('one PutObject if it comes whole with its creation', () => {
    const metadata = { filename: 'Grüße.txt', filetype: 'text/plain', empty: null, constructor: 'x' }

    test('and all that is known of it comes back, in another process too', async () => {
      const data = randomBytes(1024)
      const begun = await begin(data.byteLength, { bodyFollows: true }, metadata)
      const { id } = begun.upload
      expect((await begun.write(chunksOf(data))).offsetBytes).toBe(1024)
      expect(operations()).toEqual(['PutObject'])
      expect(keys()).toEqual([id])
      expect(content(id)?.equals(data)).toBe(true)

      restart()
      const { upload } = await store.open(id)
      expect(upload).toEqual(sameAs(begun))
      expect(upload).toMatchObject({ lengthBytes: 1024, offsetBytes: 1024 })
      expect(await store.info(id)).toEqual({ ...upload, offsetBytes: undefined, activeAt: undefined })
    })

    test('and it is listed as finished, and can be removed', async () => {
      const begun = await begin(3, { bodyFollows: true })
      await begun.write(chunksOf(Buffer.from('abc')))
      const { id } = begun.upload
      expect(await listed()).toEqual([{ id, recordedAt: expect.any(Date) as Date, isComplete: true }])
      await store.remove(id)
      expect(keys()).toEqual([])
      await expect(store.open(id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_NOT_FOUND' })
    })

    test('also if it is empty', async () => {
      const { upload } = await begin(0)
      expect(operations()).toEqual(['PutObject'])
      restart()
      expect((await store.open(upload.id)).upload).toEqual(sameAs({ upload }))
    })

    test('and one more for metadata that do not fit into the object', async () => {
      const begun = await begin(3, { bodyFollows: true }, { note: 'n'.repeat(2_000) })
      await begun.write(chunksOf(Buffer.from('abc')))
      expect(operations()).toEqual(['PutObject', 'PutObject'])
      restart()
      expect((await store.open(begun.upload.id)).upload).toEqual(sameAs(begun))
    })

    test('and nothing before its first byte', async () => {
      await begin(3, { bodyFollows: true })
      expect(operations()).toEqual([])
    })

    test.each([0, 1, 700])('but is recorded like any other if it ends after %i bytes', async (arrived) => {
      const data = randomBytes(1024)
      const begun = await begin(1024, { bodyFollows: true }, metadata)
      await begun.write(chunksOf(data.subarray(0, arrived)))
      restart()
      const found = await store.open(begun.upload.id)
      expect(found.upload).toEqual(sameAs(begun))
      expect(found.upload.offsetBytes).toBe(arrived)
      await found.write(chunksOf(data.subarray(arrived)))
      expect(content(begun.upload.id)?.equals(data)).toBe(true)
      expect(keys()).toEqual([begun.upload.id, `${begun.upload.id}.info`])
    })

    test('an object of that name which is none of ours is no upload', async () => {
      const id = createUploadId()
      s3.objects(BUCKET).set(id, {
        body: Buffer.from('somebody else'),
        etag: '"1"',
        modifiedAt: new Date(),
        contentType: undefined,
        headers: {},
        checksums: {},
        tags: undefined,
      })
      await expect(store.open(id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_NOT_FOUND' })
    })
  })

  test('one UploadPart for a write of one part, and nothing else, while the same process has it', async () => {
    const data = randomBytes(8 * PART)
    const { upload } = await begin(data.byteLength)
    for (let at = 0; at < 7 * PART; at += PART) {
      s3.clearRequests()
      await patch(upload.id, data.subarray(at, at + PART))
      expect(operations()).toEqual(['UploadPart'])
    }
    s3.clearRequests()
    expect((await store.open(upload.id, { isContinued: true })).upload.offsetBytes).toBe(7 * PART)
    expect(operations()).toEqual([])
    await patch(upload.id, data.subarray(7 * PART))
    expect(operations()).toEqual(['UploadPart', 'CompleteMultipartUpload', 'HeadObject'])
    expect(content(upload.id)?.equals(data)).toBe(true)
  })

  test('at most 25 requests and 18 MiB for 10 MiB in pieces of 1 MiB', async () => {
    const data = randomBytes(10 * MIB)
    const { upload } = await begin(data.byteLength)
    for (let at = 0; at < data.byteLength; at += MIB) await patch(upload.id, data.subarray(at, at + MIB))
    expect(operations().length).toBeLessThanOrEqual(25)
    // Nine of ten pieces come before their part is full, and S3 can't make a part of less than 5 MiB of objects that
    // it has: each is sent once on its own, and once more with its part, but for the two that fill one.
    expect(bytesSent()).toBeLessThan(18.01 * MIB)
    expect(content(upload.id)?.equals(data)).toBe(true)
    expect(keys()).toEqual([upload.id, `${upload.id}.info`])
  })

  test('no more than nine pieces of a tail, however many writes it comes in, and another process reads them all', async () => {
    const data = randomBytes(4 * MIB)
    const { upload } = await begin(3 * PART)
    for (let at = 0; at < data.byteLength; at += 100_000) {
      await patch(upload.id, data.subarray(at, at + 100_000))
      expect(keys().filter((key) => key.includes('.part')).length).toBeLessThanOrEqual(8)
    }
    restart()
    const found = await store.open(upload.id)
    expect(found.upload.offsetBytes).toBe(data.byteLength)
    const rest = randomBytes(3 * PART - data.byteLength)
    await found.write(chunksOf(rest))
    expect(content(upload.id)?.equals(Buffer.concat([data, rest]))).toBe(true)
    expect(keys()).toEqual([upload.id, `${upload.id}.info`])
  })

  test('the pages of a long listing side by side', async () => {
    const { upload } = await begin(9_999.5 * PART)
    fillParts(9_999)
    restart()
    const stalled = s3.faults.inject({
      operation: 'ListParts',
      times: 10,
      fault: { kind: 'stall', ms: 20_000 },
    })
    const opening = store.open(upload.id)
    // All ten are there before any is answered.
    await expect.poll(() => stalled.hits, { timeout: 10_000 }).toBe(10)
    stalled.release()
    expect((await opening).upload.offsetBytes).toBe(9_999 * PART)
    expect(operations().filter((operation) => operation === 'ListParts')).toHaveLength(10)
  })

  test('what the bucket has, if somebody else may have held the lock', async () => {
    const data = randomBytes(2 * PART)
    const { upload } = await begin(data.byteLength)
    await patch(upload.id, data.subarray(0, PART))
    const other = openStore()
    await (await other.open(upload.id)).write(chunksOf(data.subarray(PART, PART + 1000)))
    other.s3.close()
    const found = await store.open(upload.id)
    expect(found.upload.offsetBytes).toBe(PART + 1000)
    await found.write(chunksOf(data.subarray(PART + 1000)))
    expect(content(upload.id)?.equals(data)).toBe(true)
  })

  test('what the bucket has, after a write that failed', async () => {
    const data = randomBytes(3 * PART)
    const { upload } = await begin(data.byteLength)
    await patch(upload.id, data.subarray(0, 1000))
    s3.faults.inject({
      operation: 'UploadPart',
      partNumber: 2,
      times: 10,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    await expect(patch(upload.id, data.subarray(1000))).rejects.toMatchObject({
      code: 'ERR_STORAGE_REJECTED',
    })
    s3.faults.clear()
    s3.clearRequests()
    const found = await store.open(upload.id, { isContinued: true })
    expect(operations()).toContain('ListParts')
    await found.write(chunksOf(data.subarray(found.upload.offsetBytes)))
    expect(content(upload.id)?.equals(data)).toBe(true)
  })

  test('nothing of an upload that was aborted from outside while it was remembered: it is gone', async () => {
    const data = randomBytes(3 * PART)
    const { upload } = await begin(data.byteLength)
    await patch(upload.id, data.subarray(0, PART))
    s3.abortMultipartUpload(BUCKET, upload.id)
    await expect(patch(upload.id, data.subarray(PART))).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE' })
    await expect(store.open(upload.id, { isContinued: true })).rejects.toMatchObject({
      code: 'ERR_UPLOAD_GONE',
    })
  })

  test('nothing of a tail that a process left which died after the object was made: it is cleared away', async () => {
    const data = randomBytes(PART + 10)
    const { upload } = await begin(data.byteLength)
    await patch(upload.id, data.subarray(0, 10))
    await patch(upload.id, data.subarray(10, 20))
    s3.faults.inject({
      operation: 'DeleteObject',
      times: 50,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    await patch(upload.id, data.subarray(20))
    s3.faults.clear()
    expect(keys()).toContain(`${upload.id}.part.1`)
    expect(await listed()).toMatchObject([{ isComplete: false }])
    expect((await store.open(upload.id)).upload.offsetBytes).toBe(data.byteLength)
    expect(keys()).toEqual([upload.id, `${upload.id}.info`])
    expect(await listed()).toMatchObject([{ isComplete: true }])
  })
})

/** The upload as a bucket tells it, whose times are its own, and of whole seconds. */
function sameAs({ upload }: { readonly upload: Upload }): Upload {
  return { ...upload, activeAt: expect.any(Date) as Date }
}
