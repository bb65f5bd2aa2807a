import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConcatPiece } from '../../src/core/upload-store.ts'
import type { UploadInfo } from '../../src/core/upload.ts'
import type { S3OpenUpload } from '../../src/storage/drivers/s3/open-upload.ts'
import { chunksOf } from '../support/chunks.ts'
import type { FaultyS3Target } from '../support/faulty-s3.ts'
import { PART, UploadBench, uploadInfo } from './s3-upload-bench.ts'

/** Two that are copied, one that is too small, and an end that is. */
const SIZES = [PART + 11, 1000, 3 * PART, PART + 1, 17] as const

const CONTENTS = SIZES.map((size) => randomBytes(size))
const WHOLE = Buffer.concat(CONTENTS)

/** What becomes of a final upload when requests fail, or a process dies between them. */
export function s3ConcatenationSuite(target: FaultyS3Target): void {
  describe(`a final upload in ${target.name}`, () => {
    let bench: UploadBench
    let pieces: readonly ConcatPiece[]
    let final: UploadInfo

    beforeEach(async () => {
      bench = await UploadBench.open(target)
      pieces = await Promise.all(
        CONTENTS.map(async (content) => {
          const info = {
            ...uploadInfo(content.byteLength),
            concat: { kind: 'partial', raw: 'partial' } as const,
          }
          await (await bench.store.begin(info)).write(chunksOf(content))
          return { id: info.id, sizeBytes: content.byteLength }
        }),
      )
      const partialIds = pieces.map(({ id }) => id)
      final = { ...uploadInfo(WHOLE.byteLength), concat: { kind: 'final', raw: 'final;/a', partialIds } }
      await bench.store.begin(final)
    })

    afterEach(() => bench.close())

    /** By a process that knows nothing of what others did. */
    async function concatenate(signal?: AbortSignal): Promise<S3OpenUpload> {
      const opened = await bench.openStore().open(final.id)
      await opened.concatenate(pieces, { signal })
      return opened
    }

    async function expectMade(opened: S3OpenUpload): Promise<void> {
      expect(opened.upload).toMatchObject({ offsetBytes: WHOLE.byteLength, lengthBytes: WHOLE.byteLength })
      await bench.expectObject(opened, WHOLE)
      expect(await bench.s3.multipartUploads(bench.bucket)).toEqual([])
    }

    async function expectNotMade(): Promise<void> {
      expect(await bench.s3.object(bench.bucket, final.id)).toBeUndefined()
      expect((await bench.openStore().open(final.id)).upload.offsetBytes).toBe(0)
    }

    test.each(['UploadPartCopy', 'UploadPart', 'GetObject', 'CompleteMultipartUpload'])(
      'meets a 503 to %s, tries again, and is made',
      async (operation) => {
        const fault = { kind: 'status', status: 503, code: 'SlowDown' } as const
        const isOfRecord = (key: string): boolean => key.endsWith('.info')
        const injected = bench.s3.inject({ operation, key: (key) => !isOfRecord(key), times: 2, fault })
        await expectMade(await concatenate())
        expect(injected.hits).toBe(2)
      },
    )

    test.each([
      ['UploadPartCopy', { kind: '200-with-error-body', code: 'InternalError' }],
      ['UploadPartCopy', { kind: 'reset-after-body' }],
      ['UploadPartCopy', { kind: 'answer-lost' }],
      ['UploadPart', { kind: 'answer-lost' }],
      ['CompleteMultipartUpload', { kind: 'answer-lost' }],
      ['CompleteMultipartUpload', { kind: '200-with-error-body', code: 'InternalError' }],
    ] as const)('meets trouble with %s (%j) and is made', async (operation, fault) => {
      const injected = bench.s3.inject({ operation, fault })
      await expectMade(await concatenate())
      expect(injected.hits).toBe(1)
    })

    test.each([
      ['UploadPartCopy', 0],
      ['UploadPartCopy', 1],
      ['UploadPartCopy', 2],
      ['GetObject', 0],
      ['UploadPart', 0],
      ['UploadPart', 1],
      ['CompleteMultipartUpload', 0],
    ])(
      'that breaks off at %s (after %i of them) is not there, and is made by the next process',
      async (operation, skip) => {
        const fault = { kind: 'status', status: 403, code: 'AccessDenied' } as const
        const key = (text: string): boolean => !text.endsWith('.info')
        bench.s3.inject({ operation, key, skip, times: 100, fault })
        await expect(concatenate()).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
        await bench.s3.calm()
        await expectNotMade()
        await expectMade(await concatenate())
      },
    )

    test('that is told to stop is not there, and is made by the next process', async () => {
      const stop = new AbortController()
      const stalled = bench.s3.inject({
        operation: 'UploadPartCopy',
        times: 10,
        fault: { kind: 'stall', ms: 20_000 },
      })
      const concatenating = concatenate(stop.signal)
      await expect.poll(() => stalled.hits, { timeout: 10_000 }).toBeGreaterThan(0)
      stop.abort()
      await expect(concatenating).rejects.toMatchObject({ code: 'ERR_STORAGE_UNAVAILABLE' })
      await bench.s3.calm()
      await expectNotMade()
      await expectMade(await concatenate())
    })

    test('whose multipart upload was aborted from outside is gone', async () => {
      await bench.s3.abortMultipartUpload(bench.bucket, final.id)
      await expect(concatenate()).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE', status: 410 })
      await bench.store.remove(final.id)
    })

    test('leaves its pieces as they are, and nothing else behind', async () => {
      await expectMade(await concatenate())
      for (const [index, { id }] of pieces.entries()) {
        const stored = await bench.s3.object(bench.bucket, id)
        expect(stored?.body.equals(CONTENTS[index] ?? Buffer.alloc(0))).toBe(true)
      }
      const own = (await bench.keys()).filter((key) => key.startsWith(final.id))
      expect(own.toSorted()).toEqual([final.id, `${final.id}.info`])
    })
  })
}
