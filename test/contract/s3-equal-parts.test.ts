import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseObjectKey } from '../../src/core/object-key.ts'
import { openS3Location } from '../support/s3-location.ts'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import { BUCKET, chunks, openStore, sendInSteps, uploadInfo } from '../support/s3-uploads.ts'

/** Small, so that an upload has as many parts as there can be. */
const PART = 200
const MAX_PARTS = 10_000
const MAX_LENGTH = MAX_PARTS * PART

const EQUAL = { tus: { chunkSizeBytes: PART, equalParts: true } } as const

/** Past 1,000 parts, from where on they would grow otherwise. */
const MANY = 1_100 * PART

describe('parts of one size, at a store that wants them (R2)', () => {
  let s3: S3TestServer

  beforeEach(async () => {
    const quirks = { equalParts: true }
    s3 = await startS3Server({ buckets: [BUCKET], minPartSizeBytes: PART, quirks })
  })

  afterEach(() => s3.close())

  /** How many parts of which size were stored last, under each number. */
  function partSizes(): Map<number, number> {
    const sizes = s3.requests
      .filter(({ operation, status }) => operation === 'UploadPart' && status === 200)
      .map(({ partNumber = 0, bytesReceived }) => [partNumber, bytesReceived] as const)
    const counts = new Map<number, number>()
    for (const size of new Map(sizes).values()) counts.set(size, (counts.get(size) ?? 0) + 1)
    return counts
  }

  /** Offsets at which requests end, `count` of them, none of them where a part does. */
  function oddCuts(count: number, endBytes: number): number[] {
    return Array.from({ length: count }, (_, index) => {
      const cut = Math.floor(((index + 1) * endBytes) / (count + 1))
      return cut % PART === 0 ? cut + 1 : cut
    })
  }

  test.each([
    ['known', false],
    ['declared with the last request', true],
  ])('an upload that breaks off at odd offsets, its length %s', async (_, declaresLate) => {
    const data = randomBytes(MANY + 7)
    const cuts = oddCuts(40, data.byteLength)
    const processes = Array.from({ length: 41 }, () => EQUAL)
    const { id } = await sendInSteps(s3, data, { processes, cuts, declaresLate })
    expect(s3.objects(BUCKET).get(id)?.body.equals(data)).toBe(true)
    const [wholeParts, ...others] = [...partSizes()].filter(([size]) => size !== 7)
    expect(wholeParts).toEqual([PART, 1_100])
    expect(others).toEqual([])
  })

  test('an upload whose length is declared when some parts are there, and goes on after a restart', async () => {
    const data = randomBytes(MANY + PART - 1)
    const info = uploadInfo(undefined)
    const first = openStore(s3, EQUAL)
    const begun = await first.begin(info)
    await begun.write(chunks(data.subarray(0, 3 * PART + 1)))
    await begun.declareLength(data.byteLength)
    await begun.write(chunks(data.subarray(3 * PART + 1, 900 * PART - 1)))
    first.s3.close()
    const second = openStore(s3, EQUAL)
    const found = await second.open(info.id)
    expect(found.upload.offsetBytes).toBe(900 * PART - 1)
    await found.write(chunks(data.subarray(900 * PART - 1)))
    second.s3.close()
    expect(s3.objects(BUCKET).get(info.id)?.body.equals(data)).toBe(true)
    expect([...partSizes()]).toEqual([
      [PART, 1_100],
      [PART - 1, 1],
    ])
  })

  test('an upload some of whose parts failed, and were sent again with other bytes', async () => {
    const data = randomBytes(8 * PART + 3)
    const store = openStore(s3, EQUAL)
    const begun = await store.begin(uploadInfo(undefined))
    s3.faults.inject({
      operation: 'UploadPart',
      partNumber: 3,
      times: 50,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    const other = Buffer.concat([data.subarray(0, 2 * PART), randomBytes(4 * PART)])
    await expect(begun.write(chunks(other, other.byteLength))).rejects.toMatchObject({
      code: 'ERR_STORAGE_REJECTED',
    })
    s3.faults.clear()
    const found = await store.open(begun.upload.id)
    expect(found.upload.offsetBytes).toBe(2 * PART)
    await found.write(chunks(data.subarray(2 * PART)))
    await found.declareLength(data.byteLength)
    store.s3.close()
    expect(s3.objects(BUCKET).get(begun.upload.id)?.body.equals(data)).toBe(true)
  })

  test('an object that is written from a stream', async () => {
    const data = randomBytes(MANY + 1)
    const driver = await openS3Location(s3, BUCKET, EQUAL)
    await driver.write(parseObjectKey('a/b'), Readable.from(chunks(data)))
    await driver.close()
    expect(s3.objects(BUCKET).get('a/b')?.body.equals(data)).toBe(true)
    expect([...partSizes()]).toEqual([
      [PART, 1_100],
      [1, 1],
    ])
  })

  test('without the option such an upload can never be completed: its parts grow', async () => {
    const data = randomBytes(300_000)
    const processes = [{ tus: { chunkSizeBytes: PART, equalParts: false } }]
    const sending = sendInSteps(s3, data, { processes, cuts: [], declaresLate: true })
    await expect(sending).rejects.toMatchObject({ details: { s3Code: 'InvalidPart' } })
  })

  test('keep the size of the first one when the configured size changes', async () => {
    const data = randomBytes(6 * PART + 9)
    const larger = { tus: { chunkSizeBytes: 2 * PART, equalParts: true } }
    const { id } = await sendInSteps(s3, data, { processes: [EQUAL, larger], cuts: [PART + 1] })
    expect(s3.objects(BUCKET).get(id)?.body.equals(data)).toBe(true)
  })

  describe('end after 10,000', () => {
    test('an upload of that length is completed, with nothing left to send when it is declared', async () => {
      const data = randomBytes(MAX_LENGTH)
      const store = openStore(s3, EQUAL)
      const begun = await store.begin(uploadInfo(undefined))
      await begun.write(chunks(data.subarray(0, MAX_LENGTH - PART - 1)))
      const found = await store.open(begun.upload.id)
      await found.write(chunks(data.subarray(found.upload.offsetBytes)))
      await found.declareLength(MAX_LENGTH)
      store.s3.close()
      expect(s3.objects(BUCKET).get(begun.upload.id)?.body.equals(data)).toBe(true)
      expect([...partSizes()]).toEqual([[PART, MAX_PARTS]])
    }, 120_000)

    test('a body that goes beyond is refused, and all before it is kept', async () => {
      const data = randomBytes(MAX_LENGTH + 1)
      const store = openStore(s3, EQUAL)
      const begun = await store.begin(uploadInfo(undefined))
      await expect(begun.write(chunks(data))).rejects.toMatchObject({
        code: 'ERR_UPLOAD_SIZE_EXCEEDED',
        status: 413,
      })
      const found = await store.open(begun.upload.id)
      expect(found.upload.offsetBytes).toBe(MAX_LENGTH)
      await expect(found.write(chunks(data.subarray(0, 1)))).rejects.toMatchObject({ status: 413 })
      await expect(found.declareLength(MAX_LENGTH + 1)).rejects.toMatchObject({
        code: 'ERR_MAX_SIZE_EXCEEDED',
      })
      await found.declareLength(MAX_LENGTH)
      store.s3.close()
      expect(s3.objects(BUCKET).get(begun.upload.id)?.body.equals(data.subarray(0, -1))).toBe(true)
    }, 120_000)

    test('a length beyond that is declared late is refused, and the upload goes on', async () => {
      const store = openStore(s3, EQUAL)
      const begun = await store.begin(uploadInfo(undefined))
      await begun.write(chunks(randomBytes(PART + 1)))
      for (const tooLong of [MAX_LENGTH + 1, Number.MAX_SAFE_INTEGER])
        await expect(begun.declareLength(tooLong)).rejects.toMatchObject({
          code: 'ERR_MAX_SIZE_EXCEEDED',
          status: 413,
        })
      await begun.declareLength(2 * PART)
      await begun.write(chunks(randomBytes(PART - 1)))
      store.s3.close()
      expect(s3.objects(BUCKET).get(begun.upload.id)?.body.byteLength).toBe(2 * PART)
    })

    test('a length that is known from the start makes the parts larger instead', async () => {
      const data = randomBytes(MAX_LENGTH + 1)
      const { id } = await sendInSteps(s3, data, { processes: [EQUAL, EQUAL], cuts: [999_999] })
      expect(s3.objects(BUCKET).get(id)?.body.equals(data)).toBe(true)
      expect(Math.max(...partSizes().keys())).toBe(PART + 1)
    }, 120_000)
  })
})
