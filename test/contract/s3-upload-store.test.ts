import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createUploadId } from '../../src/core/upload-id.ts'
import type { OpenUpload } from '../../src/core/upload-store.ts'
import type { UploadInfo, UploadMetadata } from '../../src/core/upload.ts'
import { S3UploadStore } from '../../src/storage/drivers/s3/upload-store.ts'
import type { S3Options } from '../../src/storage/drivers/s3/options.ts'
import { type S3Access, s3Options, testBufferSpace } from '../support/s3-location.ts'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'

const MIB = 1024 ** 2
const PART = 5 * MIB
const BUCKET = 'uploads'

/**
 * The ways in which stock @tus/s3-store loses or corrupts uploads, each shown not to be one of ours. The numbers are
 * those of our list of its defects (docs/architecture.md, "What was wrong with the base").
 */
describe('an upload in S3', () => {
  let s3: S3TestServer
  let store: S3UploadStore

  beforeEach(async () => {
    s3 = await startS3Server({ buckets: [BUCKET] })
    store = openStore(s3)
  })

  afterEach(async () => {
    store.s3.close()
    await s3.close()
  })

  function begin(lengthBytes: number | undefined, metadata: UploadMetadata = {}): Promise<OpenUpload> {
    const info: UploadInfo = {
      id: createUploadId(),
      lengthBytes,
      metadata,
      rawMetadata: undefined,
      createdAt: new Date(),
    }
    return store.begin(info)
  }

  function object(upload: OpenUpload): Buffer | undefined {
    return s3.objects(BUCKET).get(upload.upload.id)?.body
  }

  function expectNoRemains(): void {
    expect(s3.multipartUploads(BUCKET)).toEqual([])
    expect([...s3.objects(BUCKET).keys()].filter((key) => key.endsWith('.part'))).toEqual([])
  }

  function count(operation: string): number {
    return s3.requests.filter((request) => request.operation === operation).length
  }

  /** Sends the rest from wherever the store says the upload is, as a client does. */
  async function resume(upload: OpenUpload, data: Buffer): Promise<OpenUpload> {
    const found = await store.open(upload.upload.id)
    await found.write(chunks(data.subarray(found.upload.offsetBytes)))
    return found
  }

  test('S1: a part that fails while later ones succeed leaves no gap in what is counted, nor in the object', async () => {
    const data = randomBytes(6 * PART)
    const begun = await begin(data.byteLength)
    s3.faults.inject({
      operation: 'UploadPart',
      partNumber: 2,
      times: 50,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    await expect(begun.write(chunks(data))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
    s3.faults.clear()

    const found = await store.open(begun.upload.id)
    expect(found.upload.offsetBytes).toBe(PART)
    await resume(begun, data)
    expect(object(begun)?.equals(data)).toBe(true)
    expectNoRemains()
  })

  test('S1: bytes sent anew after a gap replace the ones that were never acknowledged', async () => {
    const first = randomBytes(6 * PART)
    const begun = await begin(first.byteLength)
    s3.faults.inject({
      operation: 'UploadPart',
      partNumber: 2,
      times: 50,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    await expect(begun.write(chunks(first))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
    s3.faults.clear()

    // A client may send other bytes than before from the offset on: nobody told it that they had been stored.
    const second = Buffer.concat([first.subarray(0, PART), randomBytes(5 * PART)])
    const found = await store.open(begun.upload.id)
    await found.write(chunks(second.subarray(PART, 2 * PART)))
    expect((await store.open(begun.upload.id)).upload.offsetBytes).toBe(2 * PART)
    await resume(begun, second)
    expect(object(begun)?.equals(second)).toBe(true)
  })

  test('S1: one of several parts that stalls and is reset is sent again and nothing is lost', async () => {
    const data = randomBytes(8 * PART + 3)
    const begun = await begin(data.byteLength)
    s3.faults.inject({
      operation: 'UploadPart',
      partNumber: 3,
      fault: { kind: 'stall', ms: 300, afterwards: 'reset' },
    })
    const done = await begun.write(chunks(data))
    expect(done.offsetBytes).toBe(data.byteLength)
    expect(object(begun)?.equals(data)).toBe(true)
  })

  test.each([
    ['fails', { kind: 'status', status: 500, code: 'InternalError' }],
    ['fails with an error in a 200', { kind: '200-with-error-body', code: 'InternalError' }],
  ] as const)(
    'S2: a Complete that %s is not reported as complete, and the next look finishes it',
    async (_how, fault) => {
      const data = randomBytes(2 * PART + 9)
      const begun = await begin(data.byteLength)
      s3.faults.inject({ operation: 'CompleteMultipartUpload', times: 5, fault })
      await expect(begun.write(chunks(data))).rejects.toMatchObject({ code: 'ERR_STORAGE_UNAVAILABLE' })
      expect(object(begun)).toBeUndefined()
      s3.faults.clear()

      const found = await store.open(begun.upload.id)
      expect(found.upload.offsetBytes).toBe(data.byteLength)
      expect(object(begun)?.equals(data)).toBe(true)
      expectNoRemains()
    },
    60_000,
  )

  test('S2: while Complete keeps failing, no look at the upload says that it is complete', async () => {
    const data = randomBytes(2 * PART)
    const begun = await begin(data.byteLength)
    s3.faults.inject({
      operation: 'CompleteMultipartUpload',
      times: 100,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    await expect(begun.write(chunks(data))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
    await expect(store.open(begun.upload.id)).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
  })

  test.each(['CompleteMultipartUpload', 'UploadPart', 'PutObject', 'CreateMultipartUpload'])(
    'an answer to %s that is lost after the store did it changes nothing',
    async (operation) => {
      s3.faults.inject({ operation, fault: { kind: 'answer-lost' } })
      const data = randomBytes(2 * PART + 77)
      const begun = await begin(data.byteLength)
      await begun.write(chunks(data.subarray(0, PART + 1)))
      await resume(begun, data)
      expect(object(begun)?.equals(data)).toBe(true)
      expect((await store.open(begun.upload.id)).upload.offsetBytes).toBe(data.byteLength)
    },
  )

  test('S3: a multipart upload that was aborted from outside is gone, not complete', async () => {
    const data = randomBytes(3 * PART)
    const begun = await begin(data.byteLength)
    await begun.write(chunks(data.subarray(0, PART)))
    s3.abortMultipartUpload(BUCKET, begun.upload.id)
    await expect(store.open(begun.upload.id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE', status: 410 })
    await store.remove(begun.upload.id)
    expect([...s3.objects(BUCKET).keys()]).toEqual([])
  })

  test('S3: an upload of unknown length that was aborted from outside is gone, not an internal error', async () => {
    const begun = await begin(undefined)
    await begun.write(chunks(randomBytes(PART + 1)))
    s3.abortMultipartUpload(BUCKET, begun.upload.id)
    await expect(store.open(begun.upload.id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE' })
  })

  test.each(['UploadPart', 'PutObject', 'GetObject'])(
    'S4: the tail is never lost while its bytes move into a part: %s fails',
    async (operation) => {
      const data = randomBytes(2 * PART)
      const begun = await begin(data.byteLength)
      await begun.write(chunks(data.subarray(0, 3 * MIB)))
      const found = await store.open(begun.upload.id)
      s3.faults.inject({ operation, times: 50, fault: { kind: 'status', status: 403, code: 'AccessDenied' } })
      const rest = operation === 'PutObject' ? data.subarray(3 * MIB, 4 * MIB) : data.subarray(3 * MIB)
      await expect(found.write(chunks(rest))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
      s3.faults.clear()
      const again = await store.open(begun.upload.id)
      expect(again.upload.offsetBytes).toBeGreaterThanOrEqual(3 * MIB)
      await resume(begun, data)
      expect(object(begun)?.equals(data)).toBe(true)
      expectNoRemains()
    },
  )

  test('S4: a tail whose bytes are in a part by now, because the process died before replacing it, counts once', async () => {
    const data = randomBytes(3 * PART)
    const begun = await begin(data.byteLength)
    await begun.write(chunks(data.subarray(0, 3 * MIB)))
    const found = await store.open(begun.upload.id)
    // The part that holds the tail's bytes arrives, the new tail never does: as if the process had died in between.
    s3.faults.inject({
      operation: 'PutObject',
      times: 50,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    await expect(found.write(chunks(data.subarray(3 * MIB, PART + MIB)))).rejects.toMatchObject({
      code: 'ERR_STORAGE_REJECTED',
    })
    s3.faults.clear()
    expect((await store.open(begun.upload.id)).upload.offsetBytes).toBe(PART)
    await resume(begun, data)
    expect(object(begun)?.equals(data)).toBe(true)
    expectNoRemains()
  })

  test('S5: a part that meets one 503 is sent again', async () => {
    const data = randomBytes(2 * PART)
    const begun = await begin(data.byteLength)
    s3.faults.inject({
      operation: 'UploadPart',
      times: 2,
      fault: { kind: 'status', status: 503, code: 'SlowDown' },
    })
    await begun.write(chunks(data))
    expect(object(begun)?.equals(data)).toBe(true)
  })

  test('S6: failed uploads keep no slot: sixty failures later the next upload still goes through', async () => {
    const data = randomBytes(2 * PART)
    s3.faults.inject({
      operation: 'UploadPart',
      times: 10_000,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    for (let i = 0; i < 61; i += 1) {
      await expect((await begin(data.byteLength)).write(chunks(data))).rejects.toMatchObject({
        code: 'ERR_STORAGE_REJECTED',
      })
    }
    s3.faults.clear()
    const begun = await begin(data.byteLength)
    await begun.write(chunks(data))
    expect(object(begun)?.equals(data)).toBe(true)
  })

  test('S7: a listing that lacks parts never makes an object: the bytes are asked for again', async () => {
    const data = randomBytes(3 * PART)
    const begun = await begin(data.byteLength)
    await begun.write(chunks(data.subarray(0, 2 * PART)))
    s3.faults.inject({ operation: 'ListParts', fault: { kind: 'stale-listing', writesAgo: 2 } })
    const stale = await store.open(begun.upload.id)
    expect(stale.upload.offsetBytes).toBeLessThanOrEqual(2 * PART)
    await stale.write(chunks(data.subarray(stale.upload.offsetBytes)))
    expect(object(begun)?.equals(data)).toBe(true)
  })

  test.each([
    [503, 'SlowDown', 'ERR_STORAGE_UNAVAILABLE'],
    [403, 'AccessDenied', 'ERR_STORAGE_REJECTED'],
  ])(
    'S8: a record that answers %i is an error of the storage, not a missing upload',
    async (status, code, expected) => {
      const begun = await begin(10)
      s3.faults.inject({ operation: 'GetObject', times: 50, fault: { kind: 'status', status, code } })
      await expect(store.open(begun.upload.id)).rejects.toMatchObject({ code: expected })
    },
    60_000,
  )

  test('S8: a record that is no JSON is damage, not a missing upload', async () => {
    const begun = await begin(10)
    const record = s3.objects(BUCKET).get(`${begun.upload.id}.info`)
    if (record === undefined) throw new Error('There is no record')
    record.body = Buffer.from('{"size":')
    await expect(store.open(begun.upload.id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_DAMAGED' })
  })

  test('S9: an upload of zero bytes has its object when it is created, and no multipart upload', async () => {
    const begun = await begin(0)
    expect(object(begun)?.byteLength).toBe(0)
    expect(count('CreateMultipartUpload')).toBe(0)
  })

  test('S10: removing a finished upload removes its object, record and tail', async () => {
    const begun = await begin(PART + 5)
    await begun.write(chunks(randomBytes(PART + 5)))
    await store.remove(begun.upload.id)
    expect([...s3.objects(BUCKET).keys()]).toEqual([])
  })

  test('S10: removing an unfinished upload leaves no parts and no tail', async () => {
    const begun = await begin(3 * PART)
    await begun.write(chunks(randomBytes(PART + 5)))
    await store.remove(begun.upload.id)
    expect([...s3.objects(BUCKET).keys()]).toEqual([])
    expectNoRemains()
  })

  test('S11: a length that is declared late is known to every process at once', async () => {
    const data = randomBytes(PART + 100)
    const begun = await begin(undefined)
    await begun.write(chunks(data))
    const other = openStore(s3)
    const found = await other.open(begun.upload.id)
    expect((await found.declareLength(data.byteLength)).offsetBytes).toBe(data.byteLength)
    other.s3.close()
    expect((await store.open(begun.upload.id)).upload.lengthBytes).toBe(data.byteLength)
    expect(object(begun)?.equals(data)).toBe(true)
    expectNoRemains()
  })

  test('S14: a small upload makes no multipart upload at all; a large one is aborted if its record cannot be written', async () => {
    const small = await begin(1000)
    await small.write(chunks(randomBytes(1000)))
    expect(count('CreateMultipartUpload')).toBe(0)
    s3.faults.inject({
      operation: 'PutObject',
      times: 50,
      fault: { kind: 'status', status: 403, code: 'AccessDenied' },
    })
    await expect(begin(3 * PART)).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
    s3.faults.clear()
    expectNoRemains()
  })

  test.each([1000, 2 * PART])(
    'S15: the object of %i bytes has the Content-Type of `filetype`',
    async (lengthBytes) => {
      const begun = await begin(lengthBytes, { filetype: 'video/mp4', filename: 'ü.mp4' })
      await begun.write(chunks(randomBytes(lengthBytes)))
      expect(s3.objects(BUCKET).get(begun.upload.id)?.contentType).toBe('video/mp4')
    },
  )

  test.each(['not a type', 'text/html\r\nx-amz-acl: public-read', 'ümläut/x', ''])(
    'S15: a `filetype` that is no MIME type (%j) is left out, not sent on',
    async (filetype) => {
      const begun = await begin(10, { filetype })
      await begun.write(chunks(randomBytes(10)))
      expect(object(begun)?.byteLength).toBe(10)
    },
  )

  test('S15: ACL and encryption are on every call that creates an object', async () => {
    const encrypted = openStore(s3, {
      acl: 'bucket-owner-full-control',
      serverSideEncryption: 'aws:kms',
      serverSideEncryptionKmsKeyId: 'key-1',
    })
    for (const lengthBytes of [10, 2 * PART + 1]) {
      const info = {
        id: createUploadId(),
        lengthBytes,
        metadata: {},
        rawMetadata: undefined,
        createdAt: new Date(),
      }
      const begun = await encrypted.begin(info)
      await begun.write(chunks(randomBytes(lengthBytes - 1)))
      await begun.write(chunks(randomBytes(1)))
    }
    encrypted.s3.close()
    const creating = s3.requests.filter(({ operation }) =>
      ['PutObject', 'CreateMultipartUpload'].includes(operation),
    )
    expect(creating.length).toBeGreaterThan(4)
    for (const { headers } of creating) {
      expect(headers).toMatchObject({
        'x-amz-acl': 'bucket-owner-full-control',
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      })
    }
  })

  test('S16: what other applications keep in the bucket is not listed as an upload', async () => {
    const begun = await begin(10)
    await store.s3.call('test', '', async (client) => {
      const { CreateMultipartUploadCommand, PutObjectCommand } = await import('@aws-sdk/client-s3')
      await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: 'backups/disk' }))
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'notes.info', Body: 'x' }))
    })
    const ids: string[] = []
    for await (const { id } of store.list()) ids.push(id)
    expect(ids).toEqual([begun.upload.id])
  })

  test('S21: a storage that never answers is given up on, and the error says to try again', async () => {
    const impatient = openStore(s3, { socketTimeoutMs: 150 })
    const fault = s3.faults.inject({
      operation: 'GetObject',
      times: 100,
      fault: { kind: 'stall', ms: 60_000 },
    })
    await expect(impatient.open(createUploadId())).rejects.toMatchObject({ code: 'ERR_STORAGE_UNAVAILABLE' })
    expect(fault.hits).toBeGreaterThan(0)
    impatient.s3.close()
  }, 20_000)

  test('S21: an aborted signal ends a write at once', async () => {
    const begun = await begin(2 * PART)
    s3.faults.inject({ operation: 'UploadPart', times: 100, fault: { kind: 'stall', ms: 60_000 } })
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 100)
    const started = Date.now()
    await expect(
      begun.write(chunks(randomBytes(2 * PART)), { signal: controller.signal }),
    ).rejects.toMatchObject({
      code: 'ERR_STORAGE_UNAVAILABLE',
    })
    expect(Date.now() - started).toBeLessThan(5_000)
  })

  test('bodies have a Content-Length and no chunked framing', async () => {
    const begun = await begin(2 * PART)
    await begun.write(chunks(randomBytes(2 * PART)))
    for (const { headers } of s3.requests.filter(({ operation }) => operation === 'UploadPart')) {
      expect(headers['content-length']).toBe(String(PART))
      expect(headers['transfer-encoding']).toBeUndefined()
      expect(headers['content-encoding']).toBeUndefined()
    }
  })

  test('a store that answers NoSuchKey for NoSuchUpload (Ceph) or goes on listing parts (Swift) is understood', async () => {
    for (const quirks of [{ noSuchKeyForListParts: true }, { listPartsAfterComplete: true }]) {
      const other = await startS3Server({ buckets: [BUCKET], quirks })
      const otherStore = openStore(other)
      const info = {
        id: createUploadId(),
        lengthBytes: 2 * PART,
        metadata: {},
        rawMetadata: undefined,
        createdAt: new Date(),
      }
      await (await otherStore.begin(info)).write(chunks(randomBytes(2 * PART)))
      expect((await otherStore.open(info.id)).upload.offsetBytes).toBe(2 * PART)
      await otherStore.remove(info.id)
      expect([...other.objects(BUCKET).keys()]).toEqual([])
      otherStore.s3.close()
      await other.close()
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
        bucket: BUCKET,
        endpoint: s3.endpoint,
        region: s3.region,
        forcePathStyle: true,
        credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
        requestChecksumCalculation: 'WHEN_REQUIRED',
      },
    })
    const data = randomBytes(20 * MIB)
    const id = createUploadId()
    await stock.create(
      new Upload({ id, size: data.byteLength, offset: 0, metadata: { filename: 'ü', flag: null } }),
    )
    await stock.write(Readable.from([data.subarray(0, 14 * MIB)]), id, 0)

    const found = await store.open(id)
    expect(found.upload.offsetBytes).toBe(14 * MIB)
    expect(found.upload.rawMetadata).toBe(`filename ${Buffer.from('ü').toString('base64')},flag`)
    await found.write(chunks(data.subarray(14 * MIB)))
    expect(s3.objects(BUCKET).get(id)?.body.equals(data)).toBe(true)
    expectNoRemains()
  })
})

function openStore(access: S3Access, options: Partial<S3Options> = {}): S3UploadStore {
  return new S3UploadStore(s3Options(access, BUCKET, options), testBufferSpace())
}

/** A body in pieces of 64 KiB, as a socket gives it. */
async function* chunks(data: Buffer): AsyncIterable<Uint8Array> {
  for (let start = 0; start < data.byteLength; start += 65_536) yield data.subarray(start, start + 65_536)
}
