import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createUploadId } from '../../src/core/upload-id.ts'
import { chunksOf } from '../support/chunks.ts'
import type { FaultyS3Target } from '../support/faulty-s3.ts'
import { MIB, PART, UploadBench } from './s3-upload-bench.ts'

/** What is said of an upload, and what of its bytes is kept, when the store fails or has lost something. */
export function s3UploadStateSuite(target: FaultyS3Target): void {
  describe(`the state of an upload in ${target.name}`, () => {
    let bench: UploadBench

    beforeEach(async () => {
      bench = await UploadBench.open(target)
    })

    afterEach(() => bench.close())

    test('S3: a multipart upload that was aborted from outside is gone, not complete', async () => {
      const data = randomBytes(3 * PART)
      const begun = await bench.begin(data.byteLength)
      await begun.write(chunksOf(data.subarray(0, PART)))
      await bench.s3.abortMultipartUpload(bench.bucket, begun.upload.id)
      await expect(bench.store.open(begun.upload.id)).rejects.toMatchObject({
        code: 'ERR_UPLOAD_GONE',
        status: 410,
      })
      await bench.store.remove(begun.upload.id)
      expect(await bench.keys()).toEqual([])
    })

    test('S3: an upload of unknown length that was aborted from outside is gone, not an internal error', async () => {
      const begun = await bench.begin(undefined)
      await begun.write(chunksOf(randomBytes(PART + 1)))
      await bench.s3.abortMultipartUpload(bench.bucket, begun.upload.id)
      await expect(bench.store.open(begun.upload.id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE' })
    })

    test.each(['UploadPart', 'PutObject', 'GetObject'])(
      'S4: the tail is never lost while its bytes move into a part: %s fails',
      async (operation) => {
        const data = randomBytes(2 * PART)
        const begun = await bench.begin(data.byteLength)
        await begun.write(chunksOf(data.subarray(0, 3 * MIB)))
        const found = await bench.store.open(begun.upload.id)
        bench.s3.inject({
          operation,
          times: 50,
          fault: { kind: 'status', status: 403, code: 'AccessDenied' },
        })
        const rest = operation === 'PutObject' ? data.subarray(3 * MIB, 4 * MIB) : data.subarray(3 * MIB)
        await expect(found.write(chunksOf(rest))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
        await bench.s3.calm()
        const again = await bench.store.open(begun.upload.id)
        expect(again.upload.offsetBytes).toBeGreaterThanOrEqual(3 * MIB)
        await bench.resume(begun, data)
        await bench.expectObject(begun, data)
        await bench.expectNoRemains()
      },
    )

    test('S4: a tail whose bytes are in a part by now, because the process died before replacing it, counts once', async () => {
      const data = randomBytes(3 * PART)
      const begun = await bench.begin(data.byteLength)
      await begun.write(chunksOf(data.subarray(0, 3 * MIB)))
      const found = await bench.store.open(begun.upload.id)
      // The part that holds the tail's bytes arrives, the new tail never does: as if the process had died in between.
      bench.s3.inject({
        operation: 'PutObject',
        times: 50,
        fault: { kind: 'status', status: 403, code: 'AccessDenied' },
      })
      await expect(found.write(chunksOf(data.subarray(3 * MIB, PART + MIB)))).rejects.toMatchObject({
        code: 'ERR_STORAGE_REJECTED',
      })
      await bench.s3.calm()
      expect((await bench.store.open(begun.upload.id)).upload.offsetBytes).toBe(PART)
      await bench.resume(begun, data)
      await bench.expectObject(begun, data)
      await bench.expectNoRemains()
    })

    test.each([
      [503, 'SlowDown', 'ERR_STORAGE_UNAVAILABLE'],
      [403, 'AccessDenied', 'ERR_STORAGE_REJECTED'],
    ])(
      'S8: a record that answers %i is an error of the storage, not a missing upload',
      async (status, code, expected) => {
        const begun = await bench.begin(10)
        bench.s3.inject({ operation: 'GetObject', times: 50, fault: { kind: 'status', status, code } })
        await expect(bench.store.open(begun.upload.id)).rejects.toMatchObject({ code: expected })
      },
      60_000,
    )

    test('S8: a record that is no JSON is damage, not a missing upload', async () => {
      const begun = await bench.begin(10)
      await bench.s3.putObject(bench.bucket, `${begun.upload.id}.info`, Buffer.from('{"size":'))
      await expect(bench.store.open(begun.upload.id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_DAMAGED' })
    })

    test('S21: a storage that never answers is given up on, and the error says to try again', async () => {
      const impatient = bench.openStore({ socketTimeoutMs: 150 })
      const fault = bench.s3.inject({
        operation: 'GetObject',
        times: 100,
        fault: { kind: 'stall', ms: 60_000 },
      })
      await expect(impatient.open(createUploadId())).rejects.toMatchObject({
        code: 'ERR_STORAGE_UNAVAILABLE',
      })
      expect(fault.hits).toBeGreaterThan(0)
    }, 20_000)

    test('S21: an aborted signal ends a write at once', async () => {
      const begun = await bench.begin(2 * PART)
      bench.s3.inject({ operation: 'UploadPart', times: 100, fault: { kind: 'stall', ms: 60_000 } })
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 100)
      const started = Date.now()
      await expect(
        begun.write(chunksOf(randomBytes(2 * PART)), { signal: controller.signal }),
      ).rejects.toMatchObject({
        code: 'ERR_STORAGE_UNAVAILABLE',
      })
      expect(Date.now() - started).toBeLessThan(5_000)
    })
  })
}
