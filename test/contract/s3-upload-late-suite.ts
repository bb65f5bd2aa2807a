import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { expireUploads } from '../../src/lifecycle/expire-uploads.ts'
import { createMemoryLocker } from '../../src/locks/memory-locker.ts'
import type { OpenUpload } from '../../src/core/upload-store.ts'
import { chunksOf } from '../support/chunks.ts'
import { NO_FINALS } from '../support/no-finals.ts'
import type { FaultyS3Target } from '../support/faulty-s3.ts'
import type { FaultRule, InjectedFault } from '../support/s3-test-server/faults.ts'
import { MIB, PART, UploadBench } from './s3-upload-bench.ts'

/** That a request which the client has given up on may still be done, when everything has long gone on. */
export function s3UploadLateSuite(target: FaultyS3Target): void {
  describe(`what is done late in ${target.name}`, () => {
    let bench: UploadBench

    beforeEach(async () => {
      bench = await UploadBench.open(target)
    })

    afterEach(() => bench.close())

    const putOff = (rule: Omit<FaultRule, 'fault'>): InjectedFault =>
      bench.s3.inject({ ...rule, fault: { kind: 'apply-later', ms: 600_000 } })

    async function land(late: InjectedFault): Promise<void> {
      expect(late.hits).toBe(1)
      await bench.s3.calm()
    }

    async function expectFinished(begun: OpenUpload, data: Buffer): Promise<void> {
      const found = await bench.openStore().open(begun.upload.id)
      expect(found.upload.offsetBytes).toBe(data.byteLength)
      await bench.expectObject(begun, data)
      await bench.expectNoRemains()
    }

    test.each([1, 2, 3])('part %i of a finished upload changes nothing', async (partNumber) => {
      const data = randomBytes(2 * PART + 77)
      const begun = await bench.begin(data.byteLength)
      const late = putOff({ operation: 'UploadPart', partNumber })
      await begun.write(chunksOf(data))
      await land(late)
      await expectFinished(begun, data)
    })

    test('a part in place of one that was sent again holds the same bytes', async () => {
      const data = randomBytes(3 * PART)
      const begun = await bench.begin(data.byteLength)
      const late = putOff({ operation: 'UploadPart', partNumber: 2 })
      await begun.write(chunksOf(data.subarray(0, 2 * PART)))
      await land(late)
      await bench.resume(begun, data)
      await expectFinished(begun, data)
    })

    test('the Complete of a finished upload changes nothing', async () => {
      const data = randomBytes(2 * PART)
      const begun = await bench.begin(data.byteLength)
      const late = putOff({ operation: 'CompleteMultipartUpload' })
      await begun.write(chunksOf(data))
      await land(late)
      await expectFinished(begun, data)
    })

    test('the Complete of a removed upload brings nothing back', async () => {
      const begun = await bench.begin(2 * PART)
      const late = putOff({ operation: 'CompleteMultipartUpload' })
      await begun.write(chunksOf(randomBytes(2 * PART)))
      await bench.store.remove(begun.upload.id)
      await land(late)
      expect(await bench.keys()).toEqual([])
      await bench.expectNoRemains()
    })

    test('parts of a removed upload bring nothing back', async () => {
      const begun = await bench.begin(3 * PART)
      const late = putOff({ operation: 'UploadPart', partNumber: 1 })
      await begun.write(chunksOf(randomBytes(PART + 1)))
      await bench.store.remove(begun.upload.id)
      await land(late)
      expect(await bench.keys()).toEqual([])
      await bench.expectNoRemains()
    })

    test('the tail of a finished upload is cleared away by whoever looks', async () => {
      const data = randomBytes(2 * PART)
      const begun = await bench.begin(data.byteLength)
      const late = putOff({ operation: 'PutObject', key: (key) => key.endsWith('.part') })
      await begun.write(chunksOf(data.subarray(0, PART + MIB)))
      await bench.resume(begun, data)
      await land(late)
      await expectFinished(begun, data)
    })

    test('an older tail in place of a newer one is not counted: its bytes are asked for again', async () => {
      const data = randomBytes(3 * PART)
      const begun = await bench.begin(data.byteLength)
      const late = putOff({ operation: 'PutObject', key: (key) => key.endsWith('.part') })
      await begun.write(chunksOf(data.subarray(0, MIB)))
      await bench.resume(begun, data.subarray(0, PART + MIB))
      await land(late)
      const found = await bench.openStore().open(begun.upload.id)
      expect(found.upload.offsetBytes).toBe(PART)
      await bench.resume(begun, data)
      await expectFinished(begun, data)
    })

    test('the first record of an upload of unknown length does not hide its parts', async () => {
      const data = randomBytes(PART + MIB)
      const late = putOff({ operation: 'PutObject', key: (key) => key.endsWith('.info') })
      const begun = await bench.begin(undefined)
      await begun.write(chunksOf(data))
      await land(late)
      expect((await bench.openStore().open(begun.upload.id)).upload.offsetBytes).toBe(data.byteLength)
    })

    test('the first record of a finished upload of unknown length does not hide that it is finished', async () => {
      const data = randomBytes(PART + MIB)
      const late = putOff({ operation: 'PutObject', key: (key) => key.endsWith('.info') })
      const begun = await bench.begin(undefined)
      await begun.write(chunksOf(data))
      await (await bench.store.open(begun.upload.id)).declareLength(data.byteLength)
      await land(late)
      await expectFinished(begun, data)
    })

    test('the first record and a tail of a finished upload do not make the sweep remove it', async () => {
      const data = randomBytes(PART + MIB)
      const lateRecord = putOff({ operation: 'PutObject', key: (key) => key.endsWith('.info') })
      const begun = await bench.begin(undefined)
      const lateTail = putOff({ operation: 'PutObject', key: (key) => key.endsWith('.part') })
      await begun.write(chunksOf(data))
      await (await bench.store.open(begun.upload.id)).declareLength(data.byteLength)
      await land(lateRecord)
      expect(lateTail.hits).toBe(1)
      const store = bench.openStore()
      await expireUploads({
        locationName: 'test',
        store,
        locker: createMemoryLocker({ timeoutMs: 1_000 }),
        expirationMs: 1_000,
        expirationMode: 'absolute',
        partialRetentionMs: undefined,
        finals: NO_FINALS,
        clock: () => Date.now() + 60_000,
        logger: pino({ level: 'silent' }),
        signal: new AbortController().signal,
      })
      await bench.expectObject(begun, data)
    })
  })
}
