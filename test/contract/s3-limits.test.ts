import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import { BUCKET, chunks, openStore, uploadInfo } from '../support/s3-uploads.ts'

const MIB = 1024 ** 2

/** S3's limits, met with parts of a size that a test can afford. */
describe('an upload at the limits of S3', () => {
  let s3: S3TestServer

  afterEach(() => s3.close())

  function content(id: string): Buffer | undefined {
    return s3.objects(BUCKET).get(id)?.body
  }

  test('fits into 10,000 parts, though its client goes after little more than half a part each time', async () => {
    const partSizeBytes = 300
    s3 = await startS3Server({ buckets: [BUCKET], minPartSizeBytes: partSizeBytes })
    const data = randomBytes(10_000 * partSizeBytes)
    const options = { tus: { chunkSizeBytes: partSizeBytes, equalParts: false } }
    let store = openStore(s3, options)
    const { id } = (await store.begin(uploadInfo(data.byteLength))).upload
    // At first it goes within each part, and comes back to a server that remembers nothing.
    for (let visit = 1; visit <= 40; visit += 1) {
      store.s3.close()
      store = openStore(s3, options)
      const found = await store.open(id)
      const { offsetBytes } = found.upload
      await found.write(chunks(data.subarray(offsetBytes, offsetBytes + 170)))
    }
    for (const until of [1_000, 2_500, 9_999]) {
      const found = await store.open(id)
      const { offsetBytes } = found.upload
      await found.write(chunks(data.subarray(offsetBytes, until * partSizeBytes + 7)))
    }
    store.s3.close()
    store = openStore(s3, options)
    const found = await store.open(id)
    expect(found.upload.offsetBytes).toBe(9_999 * partSizeBytes + 7)
    await found.write(chunks(data.subarray(found.upload.offsetBytes)))
    expect(content(id)?.equals(data)).toBe(true)
    expect(Math.max(...s3.requests.map(({ partNumber = 0 }) => partNumber))).toBe(10_000)
    store.s3.close()
  }, 120_000)

  test('reaches 100 MiB without saying its length before the end, with two restarts', async () => {
    s3 = await startS3Server({ buckets: [BUCKET] })
    const data = randomBytes(100 * MIB + 3)
    let store = openStore(s3, { tus: { chunkSizeBytes: 5 * MIB, equalParts: false } })
    const { id } = (await store.begin(uploadInfo(undefined))).upload
    for (const until of [33 * MIB + 1, 71 * MIB, data.byteLength]) {
      const found = await store.open(id)
      await found.write(chunks(data.subarray(found.upload.offsetBytes, until)))
      store.s3.close()
      store = openStore(s3, { tus: { chunkSizeBytes: 5 * MIB, equalParts: false } })
    }
    const found = await store.open(id)
    expect(found.upload).toMatchObject({ offsetBytes: data.byteLength, lengthBytes: undefined })
    await found.declareLength(data.byteLength)
    expect(content(id)?.equals(data)).toBe(true)
    store.s3.close()
  }, 60_000)
})
