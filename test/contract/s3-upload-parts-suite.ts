import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chunksOf } from '../support/chunks.ts'
import type { FaultyS3Target } from '../support/faulty-s3.ts'
import { PART, UploadBench } from './s3-upload-bench.ts'

/** What becomes of the parts of an upload, and of the object that they make, when requests fail. */
export function s3UploadPartsSuite(target: FaultyS3Target): void {
  describe(`the parts of an upload in ${target.name}`, () => {
    let bench: UploadBench

    beforeEach(async () => {
      bench = await UploadBench.open(target)
    })

    afterEach(() => bench.close())

    test('S1: a part that fails while later ones succeed leaves no gap in what is counted, nor in the object', async () => {
      const data = randomBytes(6 * PART)
      const begun = await bench.begin(data.byteLength)
      bench.s3.inject({
        operation: 'UploadPart',
        partNumber: 2,
        times: 50,
        fault: { kind: 'status', status: 403, code: 'AccessDenied' },
      })
      await expect(begun.write(chunksOf(data))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
      await bench.s3.calm()

      const found = await bench.store.open(begun.upload.id)
      expect(found.upload.offsetBytes).toBe(PART)
      await bench.resume(begun, data)
      await bench.expectObject(begun, data)
      await bench.expectNoRemains()
    })

    test('S1: bytes sent anew after a gap replace the ones that were never acknowledged', async () => {
      const first = randomBytes(6 * PART)
      const begun = await bench.begin(first.byteLength)
      bench.s3.inject({
        operation: 'UploadPart',
        partNumber: 2,
        times: 50,
        fault: { kind: 'status', status: 403, code: 'AccessDenied' },
      })
      await expect(begun.write(chunksOf(first))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
      await bench.s3.calm()

      // A client may send other bytes than before from the offset on: nobody told it that they had been stored.
      const second = Buffer.concat([first.subarray(0, PART), randomBytes(5 * PART)])
      const found = await bench.store.open(begun.upload.id)
      await found.write(chunksOf(second.subarray(PART, 2 * PART)))
      expect((await bench.store.open(begun.upload.id)).upload.offsetBytes).toBe(2 * PART)
      await bench.resume(begun, second)
      await bench.expectObject(begun, second)
    })

    test('S1: one of several parts that stalls and is reset is sent again and nothing is lost', async () => {
      const data = randomBytes(8 * PART + 3)
      const begun = await bench.begin(data.byteLength)
      bench.s3.inject({
        operation: 'UploadPart',
        partNumber: 3,
        fault: { kind: 'stall', ms: 300, afterwards: 'reset' },
      })
      const done = await begun.write(chunksOf(data))
      expect(done.offsetBytes).toBe(data.byteLength)
      await bench.expectObject(begun, data)
    })

    test.each([
      ['fails', { kind: 'status', status: 500, code: 'InternalError' }],
      ['fails with an error in a 200', { kind: '200-with-error-body', code: 'InternalError' }],
    ] as const)(
      'S2: a Complete that %s is not reported as complete, and the next look finishes it',
      async (_how, fault) => {
        const data = randomBytes(2 * PART + 9)
        const begun = await bench.begin(data.byteLength)
        bench.s3.inject({ operation: 'CompleteMultipartUpload', times: 5, fault })
        await expect(begun.write(chunksOf(data))).rejects.toMatchObject({ code: 'ERR_STORAGE_UNAVAILABLE' })
        expect(await bench.object(begun)).toBeUndefined()
        await bench.s3.calm()

        const found = await bench.store.open(begun.upload.id)
        expect(found.upload.offsetBytes).toBe(data.byteLength)
        await bench.expectObject(begun, data)
        await bench.expectNoRemains()
      },
      60_000,
    )

    test('S2: while Complete keeps failing, no look at the upload says that it is complete', async () => {
      const data = randomBytes(2 * PART)
      const begun = await bench.begin(data.byteLength)
      bench.s3.inject({
        operation: 'CompleteMultipartUpload',
        times: 100,
        fault: { kind: 'status', status: 403, code: 'AccessDenied' },
      })
      await expect(begun.write(chunksOf(data))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
      await expect(bench.store.open(begun.upload.id)).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
    })

    test.each(['CompleteMultipartUpload', 'UploadPart', 'PutObject', 'CreateMultipartUpload'])(
      'an answer to %s that is lost after the store did it changes nothing',
      async (operation) => {
        bench.s3.inject({ operation, fault: { kind: 'answer-lost' } })
        const data = randomBytes(2 * PART + 77)
        const begun = await bench.begin(data.byteLength)
        await begun.write(chunksOf(data.subarray(0, PART + 1)))
        await bench.resume(begun, data)
        await bench.expectObject(begun, data)
        expect((await bench.store.open(begun.upload.id)).upload.offsetBytes).toBe(data.byteLength)
      },
    )

    test('S5: a part that meets one 503 is sent again', async () => {
      const data = randomBytes(2 * PART)
      const begun = await bench.begin(data.byteLength)
      bench.s3.inject({
        operation: 'UploadPart',
        times: 2,
        fault: { kind: 'status', status: 503, code: 'SlowDown' },
      })
      expect((await begun.write(chunksOf(data))).offsetBytes).toBe(data.byteLength)
      await bench.expectObject(begun, data)
    })

    test('S6: failed uploads keep no slot: sixty failures later the next upload still goes through', async () => {
      const data = randomBytes(2 * PART)
      bench.s3.inject({
        operation: 'UploadPart',
        times: 10_000,
        fault: { kind: 'status', status: 403, code: 'AccessDenied' },
      })
      for (let i = 0; i < 61; i += 1) {
        await expect((await bench.begin(data.byteLength)).write(chunksOf(data))).rejects.toMatchObject({
          code: 'ERR_STORAGE_REJECTED',
        })
      }
      await bench.s3.calm()
      const begun = await bench.begin(data.byteLength)
      await begun.write(chunksOf(data))
      await bench.expectObject(begun, data)
    })
  })
}
