import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Driver } from '../../src/core/driver.ts'
import { createUploadId } from '../../src/core/upload-id.ts'
import type { OpenUpload, UploadStore } from '../../src/core/upload-store.ts'
import { chunksOf } from '../support/chunks.ts'
import type { UploadStoreSetup } from './upload-store-contract.ts'

const MIB = 1024 ** 2
const PART = 5 * MIB

const REFUSAL = new Error('these are not the bytes')
const refuse = (): never => {
  throw REFUSAL
}

/** How much is stored before, and how much comes that is to be verified. */
const SIZES = [
  [0, 10],
  [10, 3],
  [0, 3 * PART],
  [MIB, 2 * PART],
  [PART + 7, PART],
  [2 * PART, 3 * PART + 5],
] as const

/** What every store promises of a body that counts only as a whole (WriteBodyOptions.verify). */
export function verifiedWriteContract(name: string, setUp: () => Promise<UploadStoreSetup>): void {
  describe(`verified bodies in ${name}`, () => {
    let setup: UploadStoreSetup
    const drivers: Driver[] = []

    beforeEach(async () => {
      setup = await setUp()
    })

    afterEach(async () => {
      for (const driver of drivers.splice(0)) await driver.close()
      await setup.cleanUp()
    })

    /** As another process has it. */
    async function openStore(): Promise<UploadStore> {
      const driver = await setup.openDriver()
      drivers.push(driver)
      if (driver.uploads === undefined) throw new Error('The driver takes no uploads')
      return driver.uploads
    }

    function firstDriver(): Driver {
      const [driver] = drivers
      if (driver === undefined) throw new Error('There is no driver yet')
      return driver
    }

    async function begin(lengthBytes: number | undefined, stored: Buffer): Promise<OpenUpload> {
      const base = { metadata: {}, rawMetadata: undefined, createdAt: new Date() }
      const opened = await (await openStore()).begin({ id: createUploadId(), lengthBytes, ...base })
      await opened.write(chunksOf(stored))
      return opened
    }

    async function expectObject({ upload: { id } }: OpenUpload, content: Buffer): Promise<void> {
      const store = await openStore()
      const { upload } = await store.open(id)
      expect(upload.offsetBytes).toBe(content.byteLength)
      const stored = await buffer(await firstDriver().read(store.objectKey(id)))
      expect(stored.equals(content)).toBe(true)
    }

    describe.each(SIZES)('after %i bytes, %i bytes', (beforeBytes, bodyBytes) => {
      const content = randomBytes(beforeBytes + bodyBytes + 100)
      const stored = content.subarray(0, beforeBytes)
      const body = content.subarray(beforeBytes, beforeBytes + bodyBytes)
      const rest = content.subarray(beforeBytes + bodyBytes)

      test('that are right are kept, and the upload goes on', async () => {
        const opened = await begin(content.byteLength, stored)
        const { offsetBytes } = await opened.write(chunksOf(body), { verify: () => undefined })
        expect(offsetBytes).toBe(beforeBytes + bodyBytes)
        const found = await (await openStore()).open(opened.upload.id)
        expect(found.upload.offsetBytes).toBe(beforeBytes + bodyBytes)
        await found.write(chunksOf(rest), { verify: async () => await Promise.resolve() })
        await expectObject(opened, content)
      })

      test.each([content.byteLength, beforeBytes + bodyBytes, undefined])(
        'that are wrong leave nothing behind, and other bytes take their place (length %s)',
        async (lengthBytes) => {
          const opened = await begin(lengthBytes, stored)
          const wrong = chunksOf(randomBytes(bodyBytes))
          await expect(opened.write(wrong, { verify: refuse })).rejects.toBe(REFUSAL)

          const found = await (await openStore()).open(opened.upload.id)
          expect(found.upload).toMatchObject({ lengthBytes, offsetBytes: beforeBytes })
          await found.write(chunksOf(body))
          if (lengthBytes === undefined) await found.declareLength(content.byteLength)
          if (lengthBytes !== beforeBytes + bodyBytes) await found.write(chunksOf(rest))
          await expectObject(opened, content.subarray(0, lengthBytes))
        },
      )

      test('that nobody has verified when the process dies do not count', async () => {
        const opened = await begin(content.byteLength, stored)
        let isAsked = (): void => undefined
        const asked = new Promise<void>((resolve) => (isAsked = resolve))
        const never = new Promise<void>(() => undefined)
        const verify = (): Promise<void> => {
          isAsked()
          return never
        }
        void opened.write(chunksOf(randomBytes(bodyBytes)), { verify })
        await asked

        const found = await (await openStore()).open(opened.upload.id)
        expect(found.upload.offsetBytes).toBe(beforeBytes)
        await found.write(chunksOf(content.subarray(beforeBytes)))
        await expectObject(opened, content)
      })
    })

    test('one that is longer than what is left is refused as a whole', async () => {
      const content = randomBytes(2 * PART)
      const opened = await begin(content.byteLength, content.subarray(0, 10))
      const tooLong = chunksOf(randomBytes(2 * PART))
      await expect(opened.write(tooLong, { verify: () => undefined })).rejects.toMatchObject({
        code: 'ERR_UPLOAD_SIZE_EXCEEDED',
      })
      const found = await (await openStore()).open(opened.upload.id)
      expect(found.upload.offsetBytes).toBe(10)
      await found.write(chunksOf(content.subarray(10)))
      await expectObject(opened, content)
    })

    test('an empty one is verified too, also for a finished upload', async () => {
      const content = randomBytes(10)
      const opened = await begin(10, content.subarray(0, 5))
      await expect(opened.write(chunksOf(Buffer.alloc(0)), { verify: refuse })).rejects.toBe(REFUSAL)
      const found = await (await openStore()).open(opened.upload.id)
      await found.write(chunksOf(content.subarray(5)), { verify: () => undefined })
      await expect(found.write(chunksOf(Buffer.alloc(0)), { verify: refuse })).rejects.toBe(REFUSAL)
      await expectObject(opened, content)
    })

    test('removing an upload removes what was never verified', async () => {
      const opened = await begin(3 * PART, randomBytes(10))
      const never = new Promise<void>(() => undefined)
      await new Promise<void>((resolve) => {
        const verify = (): Promise<void> => {
          resolve()
          return never
        }
        void opened.write(chunksOf(randomBytes(2 * PART)), { verify })
      })
      await (await openStore()).remove(opened.upload.id)
      const keys: string[] = []
      for await (const { key } of firstDriver().list()) keys.push(key)
      expect(keys).toEqual([])
    })
  })
}
