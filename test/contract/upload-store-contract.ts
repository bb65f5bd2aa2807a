import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Driver } from '../../src/core/driver.ts'
import { type UploadId, createUploadId } from '../../src/core/upload-id.ts'
import type { OpenUpload, UploadStore } from '../../src/core/upload-store.ts'
import type { UploadInfo, UploadMetadata } from '../../src/core/upload.ts'

const KIB = 1024
const MIB = 1024 ** 2
const PART = 5 * MIB

export interface UploadStoreSetup {
  /** A driver on the same data each time: as after a restart. */
  openDriver(): Promise<Driver>
  cleanUp(): Promise<void>
}

/** What every upload store promises (src/core/upload-store.ts), on a location that starts empty. */
export function uploadStoreContract(name: string, setUp: () => Promise<UploadStoreSetup>): void {
  describe(`uploads in ${name}`, () => {
    let setup: UploadStoreSetup
    let driver: Driver
    let store: UploadStore

    beforeEach(async () => {
      setup = await setUp()
      await restart()
    })

    afterEach(async () => {
      await driver.close()
      await setup.cleanUp()
    })

    /** Everything that is only in memory is forgotten. */
    async function restart(): Promise<void> {
      await driver?.close()
      driver = await setup.openDriver()
      if (driver.uploads === undefined) throw new Error('The driver takes no uploads')
      store = driver.uploads
    }

    async function begin(
      lengthBytes: number | undefined,
      info: Partial<UploadInfo> = {},
    ): Promise<OpenUpload> {
      const base = {
        id: createUploadId(),
        lengthBytes,
        metadata: {},
        rawMetadata: undefined,
        createdAt: new Date(),
      }
      return await store.begin({ ...base, ...info })
    }

    async function expectObject(id: UploadId, content: Buffer): Promise<void> {
      const stored = await buffer(await driver.read(store.objectKey(id)))
      expect(stored.equals(content)).toBe(true)
      expect((await store.open(id)).upload).toMatchObject({
        lengthBytes: content.byteLength,
        offsetBytes: content.byteLength,
      })
    }

    async function keys(): Promise<string[]> {
      const found: string[] = []
      for await (const entry of driver.list()) found.push(entry.key)
      return found
    }

    test.each([0, 1, 1000, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 7])(
      '%i bytes in one write make the object',
      async (lengthBytes) => {
        const content = randomBytes(lengthBytes)
        const { upload, ...opened } = await writing(await begin(lengthBytes), content)
        expect(upload.offsetBytes).toBe(lengthBytes)
        await expectObject(upload.id, content)
        expect(opened).toBeDefined()
      },
    )

    test.each([
      [10, 1],
      [300 * KIB, 100 * KIB + 1],
      [7 * MIB, 1 * MIB],
      [16 * MIB, PART],
      [19 * MIB + 1, 6 * MIB],
    ])(
      '%i bytes in writes of %i bytes, after a restart each, make the object',
      async (lengthBytes, writeBytes) => {
        const content = randomBytes(lengthBytes)
        const { upload } = await begin(lengthBytes)
        for (let offset = 0; offset < lengthBytes; offset += writeBytes) {
          await restart()
          const opened = await store.open(upload.id)
          expect(opened.upload.offsetBytes).toBe(offset)
          expect(await driver.exists(store.objectKey(upload.id))).toBe(false)
          await opened.write(chunks(content.subarray(offset, offset + writeBytes)))
        }
        await expectObject(upload.id, content)
      },
    )

    test('several writes on one opened upload go on where the last ended', async () => {
      const content = randomBytes(2 * PART + 10)
      const opened = await begin(content.byteLength)
      for (const [start, end] of [
        [0, 3 * MIB],
        [3 * MIB, 3 * MIB + 1],
        [3 * MIB + 1, 9 * MIB],
        [9 * MIB, content.byteLength],
      ] as const) {
        expect((await opened.write(chunks(content.subarray(start, end)))).offsetBytes).toBe(end)
      }
      await expectObject(opened.upload.id, content)
    })

    test('a body that ends early is kept to its last byte', async () => {
      const content = randomBytes(2 * PART)
      const opened = await begin(content.byteLength)
      await opened.write(chunks(content.subarray(0, PART + 12_345)))
      await restart()
      const found = await store.open(opened.upload.id)
      expect(found.upload.offsetBytes).toBe(PART + 12_345)
      await found.write(chunks(content.subarray(PART + 12_345)))
      await expectObject(opened.upload.id, content)
    })

    test.each([100, PART + 100])(
      'of a body that is longer than the %i bytes of the upload, what fits is stored',
      async (lengthBytes) => {
        const content = randomBytes(lengthBytes + 50)
        const opened = await begin(lengthBytes)
        await expect(opened.write(chunks(content))).rejects.toMatchObject({
          code: 'ERR_UPLOAD_SIZE_EXCEEDED',
        })
        await expectObject(opened.upload.id, content.subarray(0, lengthBytes))
      },
    )

    test('an empty body changes nothing', async () => {
      const opened = await begin(10)
      expect((await opened.write(chunks(Buffer.alloc(0)))).offsetBytes).toBe(0)
      await opened.write(chunks(Buffer.from('0123456789')))
      expect((await opened.write(chunks(Buffer.alloc(0)))).offsetBytes).toBe(10)
      await expectObject(opened.upload.id, Buffer.from('0123456789'))
    })

    describe('whose length is not known', () => {
      test.each([1, 3 * MIB, PART, PART + 1, 2 * PART + MIB])(
        '%i bytes: the length declared at the end makes the object',
        async (sizeBytes) => {
          const content = randomBytes(sizeBytes)
          const { upload } = await writing(await begin(undefined), content)
          expect(upload).toMatchObject({ lengthBytes: undefined, offsetBytes: sizeBytes })
          await restart()
          const found = await store.open(upload.id)
          expect(await driver.exists(store.objectKey(upload.id))).toBe(false)
          expect((await found.declareLength(sizeBytes)).lengthBytes).toBe(sizeBytes)
          await expectObject(upload.id, content)
        },
      )

      test.each([0, PART + 5])(
        'after %i bytes: the length can be declared and the rest written',
        async (before) => {
          const content = randomBytes(2 * PART + 3)
          const opened = await writing(await begin(undefined), content.subarray(0, before))
          await opened.declareLength(content.byteLength)
          await restart()
          const found = await store.open(opened.upload.id)
          expect(found.upload).toMatchObject({ lengthBytes: content.byteLength, offsetBytes: before })
          await found.write(chunks(content.subarray(before)))
          await expectObject(opened.upload.id, content)
        },
      )

      test('a length of zero makes an empty object', async () => {
        const opened = await begin(undefined)
        await opened.declareLength(0)
        await expectObject(opened.upload.id, Buffer.alloc(0))
      })

      test('a length that is set, or less than what is stored, is refused', async () => {
        const invalid = { code: 'ERR_INVALID_LENGTH', status: 400 }
        const known = await begin(10)
        await expect(known.declareLength(20)).rejects.toMatchObject(invalid)
        const opened = await writing(await begin(undefined), Buffer.from('0123456789'))
        await expect(opened.declareLength(9)).rejects.toMatchObject(invalid)
        await opened.declareLength(12)
        await expect(opened.declareLength(12)).rejects.toMatchObject(invalid)
        expect((await store.open(opened.upload.id)).upload).toMatchObject({
          lengthBytes: 12,
          offsetBytes: 10,
        })
      })
    })

    test.each([
      ['a partial upload', { concat: { kind: 'partial', raw: 'partial' } }, 10],
      ['a partial upload that is whole', { concat: { kind: 'partial', raw: ' partial' } }, 0],
      [
        'a final upload',
        { concat: { kind: 'final', raw: 'final;/a /b', partialIds: [createUploadId()] } },
        10,
      ],
      ['an announced length', { announcedLengthBytes: 12 }, undefined],
    ] as const)('%s is recorded as such, after a restart too', async (_name, info, lengthBytes) => {
      const { upload } = await begin(lengthBytes, info)
      expect(upload).toMatchObject(info)
      await restart()
      expect((await store.open(upload.id)).upload).toMatchObject(info)
      expect(await store.info(upload.id)).toMatchObject(info)
    })

    test('an offset that is told while a body comes in is one that another process finds', async () => {
      const content = randomBytes(20 * MIB)
      const opened = await begin(24 * MIB)
      const told: number[] = []
      const found: number[] = []
      const body = async function* () {
        for await (const chunk of chunks(content)) {
          yield chunk
          if (told.length > found.length) found.push(await offsetElsewhere(opened.upload.id))
        }
      }
      const { offsetBytes } = await opened.write(body(), { onStored: (offset) => told.push(offset) })
      expect(told.length).toBeGreaterThan(0)
      expect(told).toEqual(told.toSorted((a, b) => a - b))
      expect(told.every((offset) => offset > 0 && offset <= offsetBytes)).toBe(true)
      for (const [index, offset] of found.entries()) expect(offset).toBeGreaterThanOrEqual(told[index] ?? 0)
    })

    /** Where an upload is for a process that knows only what is stored. */
    async function offsetElsewhere(id: UploadId): Promise<number> {
      const other = await setup.openDriver()
      const offset = (await other.uploads?.open(id))?.upload.offsetBytes ?? 0
      await other.close()
      return offset
    }

    test('metadata and date come back exactly, after a restart too', async () => {
      const metadata = bag({
        filename: 'Über 日本 "x".txt',
        empty: null,
        constructor: 'c',
        toString: 't',
        hasOwnProperty: null,
      })
      const rawMetadata = 'filename w5w=,empty,constructor Yw==,toString dA==,hasOwnProperty'
      const createdAt = new Date('2026-01-02T03:04:05.678Z')
      const { upload } = await begin(10, { metadata, rawMetadata, createdAt })
      await restart()
      const info = await store.info(upload.id)
      expect(info).toMatchObject({ id: upload.id, lengthBytes: 10, rawMetadata, createdAt })
      expect(Object.entries(info.metadata)).toEqual(Object.entries(metadata))
      expect(Object.entries((await store.open(upload.id)).upload.metadata)).toEqual(Object.entries(metadata))
    })

    test('when bytes were last stored is known, after a restart too', async () => {
      const hourAgo = new Date(Date.now() - 3_600_000)
      const { upload } = await begin(3 * PART, { createdAt: hourAgo })
      expect((await store.open(upload.id)).upload.offsetBytes).toBe(0)
      for (const sizeBytes of [10, PART, 1]) {
        await restart()
        const opened = await store.open(upload.id)
        const { activeAt } = await opened.write(chunks(randomBytes(sizeBytes)))
        await restart()
        const found = await store.open(upload.id)
        // A storage may keep whole seconds only, and have a clock of its own.
        expect(Math.abs(found.upload.activeAt.getTime() - activeAt.getTime())).toBeLessThan(2_000)
        expect(Math.abs(activeAt.getTime() - Date.now())).toBeLessThan(60_000)
      }
    })

    test('an id that nobody was given is not found', async () => {
      const missing = { code: 'ERR_UPLOAD_NOT_FOUND', status: 404 }
      await expect(store.open(createUploadId())).rejects.toMatchObject(missing)
      await expect(store.info(createUploadId())).rejects.toMatchObject(missing)
      await expect(store.remove(createUploadId())).rejects.toMatchObject(missing)
    })

    test.each([0, 1000, PART + 5, 2 * PART])(
      'removing an upload with %i of its 2 parts stored leaves nothing',
      async (storedBytes) => {
        const opened = await writing(await begin(2 * PART), randomBytes(storedBytes))
        await store.remove(opened.upload.id)
        await expect(store.open(opened.upload.id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_NOT_FOUND' })
        await expect(store.remove(opened.upload.id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_NOT_FOUND' })
        expect(await keys()).toEqual([])
      },
    )

    test('a finished upload is its object and its record, and nothing else', async () => {
      const { upload } = await begin(PART + 5)
      await (await store.open(upload.id)).write(chunks(randomBytes(1000)))
      await (await store.open(upload.id)).write(chunks(randomBytes(PART + 5 - 1000)))
      expect((await keys()).toSorted()).toEqual([upload.id, `${upload.id}.info`])
    })

    test('every upload is listed once, finished or not', async () => {
      const finished = await writing(await begin(10), Buffer.alloc(10))
      const open = await writing(await begin(10), Buffer.alloc(5))
      const large = await writing(await begin(3 * PART), Buffer.alloc(PART + 1))
      const listed: string[] = []
      for await (const { id, recordedAt } of store.list()) {
        listed.push(id)
        expect(Math.abs(recordedAt.getTime() - Date.now())).toBeLessThan(60_000)
      }
      expect(listed.toSorted()).toEqual([finished, open, large].map(({ upload }) => upload.id).toSorted())
    })

    test('uploads that are written side by side do not mix', async () => {
      const contents = Array.from({ length: 6 }, () => randomBytes(PART + 100_000))
      const opened = await Promise.all(contents.map((content) => begin(content.byteLength)))
      await Promise.all(
        opened.map(async (upload, index) => await upload.write(chunks(contents[index] ?? Buffer.alloc(0)))),
      )
      for (const [index, { upload }] of opened.entries())
        await expectObject(upload.id, contents[index] ?? Buffer.alloc(0))
    })
  })
}

async function writing(opened: OpenUpload, content: Buffer): Promise<OpenUpload> {
  await opened.write(chunks(content))
  return opened
}

/** Metadata as it is parsed: without a prototype. */
function bag(entries: Record<string, string | null>): UploadMetadata {
  return Object.assign(Object.create(null) as Record<string, string | null>, entries)
}

/** A body in pieces of 64 KiB, as a socket gives it. */
async function* chunks(content: Buffer): AsyncIterable<Uint8Array> {
  for (let start = 0; start < content.byteLength; start += 64 * KIB)
    yield content.subarray(start, start + 64 * KIB)
}
