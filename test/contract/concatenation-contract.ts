import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Driver } from '../../src/core/driver.ts'
import { createUploadId } from '../../src/core/upload-id.ts'
import type {
  ConcatPiece,
  Concatenation,
  OpenUpload,
  StoredUpload,
  UploadStore,
} from '../../src/core/upload-store.ts'
import type { Upload, UploadConcat, UploadInfo } from '../../src/core/upload.ts'
import { chunksOf } from '../support/chunks.ts'
import type { UploadStoreSetup } from './upload-store-contract.ts'

const MIB = 1024 ** 2
const PART = 5 * MIB

const PARTIAL: UploadConcat = { kind: 'partial', raw: 'partial' }

/** What every store promises that makes uploads of others (src/core/upload-store.ts), on a location that starts empty. */
export function concatenationContract(name: string, setUp: () => Promise<UploadStoreSetup>): void {
  describe(`final uploads in ${name}`, () => {
    let setup: UploadStoreSetup
    let driver: Driver
    let store: UploadStore
    let concatenation: Concatenation

    beforeEach(async () => {
      setup = await setUp()
      await restart()
    })

    afterEach(async () => {
      await driver.close()
      await setup.cleanUp()
    })

    async function restart(): Promise<void> {
      await driver?.close()
      driver = await setup.openDriver()
      if (!driver.uploads?.concatenation) throw new Error('The driver makes no uploads of others')
      store = driver.uploads
      concatenation = store.concatenation as Concatenation
    }

    function infoOf(lengthBytes: number | undefined, concat: UploadConcat | undefined): UploadInfo {
      const metadata = concat?.kind === 'final' ? { filetype: 'text/plain' } : {}
      const createdAt = new Date()
      return { id: createUploadId(), lengthBytes, metadata, rawMetadata: undefined, createdAt, concat }
    }

    async function partial(content: Buffer): Promise<ConcatPiece> {
      const begun = await store.begin(infoOf(content.byteLength, PARTIAL))
      if (content.byteLength > 0) await begun.write(chunksOf(content))
      return { id: begun.upload.id, sizeBytes: content.byteLength }
    }

    async function beginFinal(pieces: readonly ConcatPiece[], lengthBytes?: number): Promise<OpenUpload> {
      const concat = { kind: 'final', raw: 'final;/a', partialIds: pieces.map(({ id }) => id) } as const
      return await store.begin(infoOf(lengthBytes, concat))
    }

    async function concatenate(opened: OpenUpload, pieces: readonly ConcatPiece[]): Promise<Upload> {
      if (!opened.concatenate) throw new Error('It can not be concatenated')
      return await opened.concatenate(pieces)
    }

    async function expectObject({ id }: Upload, content: Buffer): Promise<void> {
      const stored = await buffer(await driver.read(store.objectKey(id)))
      expect(stored.equals(content)).toBe(true)
      const whole = { lengthBytes: content.byteLength, offsetBytes: content.byteLength }
      expect((await store.open(id)).upload).toMatchObject(whole)
    }

    async function keys(): Promise<string[]> {
      const found: string[] = []
      for await (const entry of driver.list()) found.push(entry.key)
      return found.toSorted()
    }

    async function listed(id: string): Promise<StoredUpload | undefined> {
      for await (const stored of store.list()) if (stored.id === id) return stored
      return undefined
    }

    const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0)

    describe.each([
      ['known', true],
      ['not known when it is recorded', false],
    ])('whose length is %s', (_what, isKnown) => {
      test.each([
        [[0]],
        [[0, 0, 0]],
        [[1]],
        [[3, 0, 4]],
        [[1000, 2000, 3000]],
        [[PART, PART]],
        [[PART, 1]],
        [[1, PART]],
        [[PART + 7, PART + 6, 2 * PART + 1]],
        [[3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB]],
        [[MIB, 12 * MIB, 0, 2 * MIB, 6 * MIB, 1]],
      ])('pieces of %j bytes make it, in their order', async (sizes) => {
        const contents = sizes.map((size) => randomBytes(size))
        const pieces = await Promise.all(contents.map(async (content) => await partial(content)))
        await restart()
        const final = await beginFinal(pieces, isKnown ? sum(sizes) : undefined)
        const upload = await concatenate(final, pieces)
        expect(upload).toMatchObject({ lengthBytes: sum(sizes), offsetBytes: sum(sizes) })
        await expectObject(upload, Buffer.concat(contents))
        await restart()
        await expectObject(upload, Buffer.concat(contents))
      })
    })

    test('a piece may be in it several times, and in several of them; it stays as it is', async () => {
      const [one, two] = [randomBytes(PART + 3), randomBytes(1000)]
      const [first, second] = [await partial(one), await partial(two)]
      for (const [pieces, content] of [
        [[first, second, first], Buffer.concat([one, two, one])],
        [[second, second], Buffer.concat([two, two])],
      ] as const) {
        const final = await beginFinal(pieces, content.byteLength)
        await expectObject(await concatenate(final, pieces), content)
      }
      await expectObject({ ...(await store.open(first.id)).upload }, one)
      await expectObject({ ...(await store.open(second.id)).upload }, two)
    })

    test('is at 0 until its object is there, after a restart too, and takes neither bytes nor a length', async () => {
      const pieces = [await partial(randomBytes(PART)), await partial(randomBytes(10))]
      for (const lengthBytes of [PART + 10, undefined]) {
        const { upload } = await beginFinal(pieces, lengthBytes)
        await restart()
        const found = await store.open(upload.id)
        expect(found.upload).toMatchObject({ lengthBytes, offsetBytes: 0 })
        const refused = { code: 'ERR_MODIFY_FINAL', status: 403 }
        await expect(found.write(chunksOf(Buffer.from('x')))).rejects.toMatchObject(refused)
        await expect(found.declareLength(PART + 10)).rejects.toMatchObject(refused)
        expect(await driver.exists(store.objectKey(upload.id))).toBe(false)
        expect((await concatenate(found, pieces)).offsetBytes).toBe(PART + 10)
      }
    })

    test('is made again without harm, by a process that does not know that it is there', async () => {
      const content = randomBytes(PART + 10)
      const pieces = [await partial(content.subarray(0, PART)), await partial(content.subarray(PART))]
      const upload = await concatenate(await beginFinal(pieces, content.byteLength), pieces)
      await restart()
      await concatenate(await store.open(upload.id), pieces)
      await expectObject(upload, content)
    })

    test('of a piece that is gone it is not made, and can be when it is whole again', async () => {
      const [here, gone] = [await partial(randomBytes(PART + 1)), await partial(randomBytes(2 * PART))]
      const final = await beginFinal([here, gone], here.sizeBytes + gone.sizeBytes)
      await store.remove(gone.id)
      await expect(concatenate(final, [here, gone])).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE' })
      expect(await driver.exists(store.objectKey(final.upload.id))).toBe(false)
      expect((await store.open(final.upload.id)).upload.offsetBytes).toBe(0)
    })

    test('of pieces that have another length than it had been told, it is not made', async () => {
      const pieces = [await partial(randomBytes(10))]
      const final = await beginFinal(pieces, 11)
      await expect(concatenate(final, pieces)).rejects.toMatchObject({ code: 'ERR_UPLOAD_DAMAGED' })
      expect(await driver.exists(store.objectKey(final.upload.id))).toBe(false)
    })

    test('a partial upload tells, without its lock, whether it is whole', async () => {
      const whole = await partial(randomBytes(PART + 1))
      expect(await concatenation.findPartial(whole.id)).toMatchObject({
        info: { id: whole.id, concat: PARTIAL },
        objectBytes: PART + 1,
      })
      for (const lengthBytes of [PART + 1, undefined]) {
        const begun = await store.begin(infoOf(lengthBytes, PARTIAL))
        await begun.write(chunksOf(randomBytes(10)))
        const found = await concatenation.findPartial(begun.upload.id)
        expect(found).toMatchObject({ info: { lengthBytes } })
        expect(found.objectBytes).toBeUndefined()
      }
      const deferred = await store.begin(infoOf(undefined, PARTIAL))
      await deferred.write(chunksOf(randomBytes(10)))
      await deferred.declareLength(10)
      expect(await concatenation.findPartial(deferred.upload.id)).toMatchObject({ objectBytes: 10 })
      await expect(concatenation.findPartial(createUploadId())).rejects.toMatchObject({
        code: 'ERR_UPLOAD_NOT_FOUND',
      })
    })

    test('a listing tells what is partial, when it was used, and what waits for its pieces', async () => {
      const piece = await partial(randomBytes(10))
      const unfinished = await store.begin(infoOf(10, PARTIAL))
      const plain = await store.begin(infoOf(10, undefined))
      const { upload } = await beginFinal([piece], 10)
      expect(await listed(piece.id)).toMatchObject({
        isComplete: true,
        partial: { finishedAt: expect.any(Date) as Date, usedAt: undefined },
      })
      expect(await listed(unfinished.upload.id)).toMatchObject({
        isComplete: false,
        partial: { finishedAt: undefined, usedAt: undefined },
      })
      for (const { id } of [plain.upload, upload]) {
        const stored = await listed(id)
        expect(stored?.partial).toBeUndefined()
        expect(stored?.isPending).toBeUndefined()
      }
      await concatenation.mark(piece.id, 'used')
      await concatenation.mark(upload.id, 'pending')
      const usedAt = (await listed(piece.id))?.partial?.usedAt?.getTime() ?? 0
      expect(Math.abs(usedAt - Date.now())).toBeLessThan(60_000)
      expect(await listed(upload.id)).toMatchObject({ isComplete: false, isPending: true })
      await concatenation.clearPending(upload.id)
      expect((await listed(upload.id))?.isPending).toBeUndefined()
    })

    test('removing partial and final uploads leaves nothing, whatever state they are in', async () => {
      const pieces = [await partial(randomBytes(PART)), await partial(randomBytes(10))]
      const begun = await store.begin(infoOf(PART, PARTIAL))
      await begun.write(chunksOf(randomBytes(10)))
      const made = await concatenate(await beginFinal(pieces), pieces)
      const waiting = await beginFinal(pieces)
      await concatenation.mark(waiting.upload.id, 'pending')
      for (const { id } of pieces) await concatenation.mark(id, 'used')
      for (const { id } of [...pieces, begun.upload, made, waiting.upload]) await store.remove(id)
      expect(await keys()).toEqual([])
    })
  })
}
