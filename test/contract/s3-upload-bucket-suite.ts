import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createUploadId } from '../../src/core/upload-id.ts'
import { chunksOf } from '../support/chunks.ts'
import type { FaultyS3Target } from '../support/faulty-s3.ts'
import { MIB, PART, UploadBench } from './s3-upload-bench.ts'

/** What an upload leaves in the bucket, and what it does not. */
export function s3UploadBucketSuite(target: FaultyS3Target): void {
  describe(`what is in the bucket of uploads in ${target.name}`, () => {
    let bench: UploadBench

    beforeEach(async () => {
      bench = await UploadBench.open(target)
    })

    afterEach(() => bench.close())

    test('S9: an upload of zero bytes has its object when it is created, and no multipart upload', async () => {
      const begun = await bench.begin(0)
      expect((await bench.object(begun))?.byteLength).toBe(0)
      expect(bench.count('CreateMultipartUpload')).toBe(0)
    })

    test('S10: removing a finished upload removes its object, record and tail', async () => {
      const begun = await bench.begin(PART + 5)
      await begun.write(chunksOf(randomBytes(PART + 5)))
      await bench.store.remove(begun.upload.id)
      expect(await bench.keys()).toEqual([])
    })

    test('S10: removing an unfinished upload leaves no parts and no tail', async () => {
      const begun = await bench.begin(3 * PART)
      await begun.write(chunksOf(randomBytes(PART + 5)))
      await bench.store.remove(begun.upload.id)
      expect(await bench.keys()).toEqual([])
      await bench.expectNoRemains()
    })

    test('S11: a length that is declared late is known to every process at once', async () => {
      const data = randomBytes(PART + 100)
      const begun = await bench.begin(undefined)
      await begun.write(chunksOf(data))
      const other = bench.openStore()
      const found = await other.open(begun.upload.id)
      expect((await found.declareLength(data.byteLength)).offsetBytes).toBe(data.byteLength)
      expect((await bench.store.open(begun.upload.id)).upload.lengthBytes).toBe(data.byteLength)
      await bench.expectObject(begun, data)
      await bench.expectNoRemains()
    })

    test('S14: a small upload makes no multipart upload at all; a large one is aborted if its record cannot be written', async () => {
      const small = await bench.begin(1000)
      await small.write(chunksOf(randomBytes(1000)))
      expect(bench.count('CreateMultipartUpload')).toBe(0)
      bench.s3.inject({
        operation: 'PutObject',
        times: 50,
        fault: { kind: 'status', status: 403, code: 'AccessDenied' },
      })
      await expect(bench.begin(3 * PART)).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
      await bench.s3.calm()
      await bench.expectNoRemains()
    })

    test.each([1000, 2 * PART])(
      'S15: the object of %i bytes has the Content-Type of `filetype`',
      async (lengthBytes) => {
        const begun = await bench.begin(lengthBytes, { filetype: 'video/mp4', filename: 'ü.mp4' })
        await begun.write(chunksOf(randomBytes(lengthBytes)))
        const object = await bench.s3.object(bench.bucket, begun.upload.id)
        expect(object?.contentType).toBe('video/mp4')
      },
    )

    test.each(['not a type', 'text/html\r\nx-amz-acl: public-read', 'ümläut/x', ''])(
      'S15: a `filetype` that is no MIME type (%j) is left out, not sent on',
      async (filetype) => {
        const begun = await bench.begin(10, { filetype })
        await begun.write(chunksOf(randomBytes(10)))
        expect((await bench.object(begun))?.byteLength).toBe(10)
      },
    )

    test('S16: what other applications keep in the bucket is not listed as an upload', async () => {
      const begun = await bench.begin(10)
      await bench.store.s3.call('test', '', async (client) => {
        const { CreateMultipartUploadCommand, PutObjectCommand } = await import('@aws-sdk/client-s3')
        await client.send(new CreateMultipartUploadCommand({ Bucket: bench.bucket, Key: 'backups/disk' }))
        await client.send(new PutObjectCommand({ Bucket: bench.bucket, Key: 'notes.info', Body: 'x' }))
      })
      const ids: string[] = []
      for await (const { id } of bench.store.list()) ids.push(id)
      expect(ids).toEqual([begun.upload.id])
    })

    test('bodies have a Content-Length and no chunked framing', async () => {
      const begun = await bench.begin(2 * PART)
      await begun.write(chunksOf(randomBytes(2 * PART)))
      for (const { headers } of bench.s3.requests.filter(({ operation }) => operation === 'UploadPart')) {
        expect(headers['content-length']).toBe(String(PART))
        expect(headers['transfer-encoding']).toBeUndefined()
        expect(headers['content-encoding']).toBeUndefined()
      }
    })

    test('an upload that stock @tus/s3-store began is finished here', async () => {
      const { S3Store } = await import('@tus/s3-store')
      const { Upload } = await import('@tus/utils')
      const { Readable } = await import('node:stream')
      const stock = new S3Store({
        partSize: 6 * MIB,
        useTags: false,
        s3ClientConfig: {
          bucket: bench.bucket,
          endpoint: bench.s3.access.endpoint,
          region: bench.s3.access.region,
          forcePathStyle: true,
          credentials: {
            accessKeyId: bench.s3.access.accessKeyId,
            secretAccessKey: bench.s3.access.secretAccessKey,
          },
          requestChecksumCalculation: 'WHEN_REQUIRED',
        },
      })
      const data = randomBytes(20 * MIB)
      const id = createUploadId()
      await stock.create(
        new Upload({ id, size: data.byteLength, offset: 0, metadata: { filename: 'ü', flag: null } }),
      )
      await stock.write(Readable.from([data.subarray(0, 14 * MIB)]), id, 0)

      const found = await bench.store.open(id)
      expect(found.upload.offsetBytes).toBe(14 * MIB)
      expect(found.upload.rawMetadata).toBe(`filename ${Buffer.from('ü').toString('base64')},flag`)
      await found.write(chunksOf(data.subarray(14 * MIB)))
      await bench.expectObject(found, data)
      await bench.expectNoRemains()
    })
  })
}
