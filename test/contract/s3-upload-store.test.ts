import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chunksOf } from '../support/chunks.ts'
import { faultyS3Targets, testServerTarget } from '../support/faulty-s3.ts'
import { PART, UploadBench, uploadInfo } from './s3-upload-bench.ts'
import { s3UploadBucketSuite } from './s3-upload-bucket-suite.ts'
import { s3UploadPartsSuite } from './s3-upload-parts-suite.ts'
import { s3UploadStateSuite } from './s3-upload-state-suite.ts'

/**
 * The ways in which stock @tus/s3-store loses or corrupts uploads, each shown not to be one of ours. The numbers are
 * those of our list of its defects (docs/architecture.md, "What was wrong with the base").
 */
for (const target of faultyS3Targets()) {
  s3UploadPartsSuite(target)
  s3UploadStateSuite(target)
  s3UploadBucketSuite(target)
}

describe('an upload in an S3 that only the test server can be', () => {
  let bench: UploadBench

  beforeEach(async () => {
    bench = await UploadBench.open(testServerTarget())
  })

  afterEach(() => bench.close())

  test('S7: a listing that lacks parts never makes an object: the bytes are asked for again', async () => {
    const data = randomBytes(3 * PART)
    const begun = await bench.begin(data.byteLength)
    await begun.write(chunksOf(data.subarray(0, 2 * PART)))
    bench.s3.inject({ operation: 'ListParts', fault: { kind: 'stale-listing', writesAgo: 2 } })
    const stale = await bench.store.open(begun.upload.id)
    expect(stale.upload.offsetBytes).toBeLessThanOrEqual(2 * PART)
    await stale.write(chunksOf(data.subarray(stale.upload.offsetBytes)))
    await bench.expectObject(begun, data)
  })

  test('S15: ACL and encryption are on every call that creates an object', async () => {
    const encrypted = bench.openStore({
      acl: 'bucket-owner-full-control',
      serverSideEncryption: 'aws:kms',
      serverSideEncryptionKmsKeyId: 'key-1',
    })
    for (const lengthBytes of [10, 2 * PART + 1]) {
      const begun = await encrypted.begin(uploadInfo(lengthBytes))
      await begun.write(chunksOf(randomBytes(lengthBytes - 1)))
      await begun.write(chunksOf(randomBytes(1)))
    }
    const creating = bench.s3.requests.filter(({ operation }) =>
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

  test.each([
    ['answers NoSuchKey for NoSuchUpload (Ceph)', { noSuchKeyForListParts: true }],
    ['goes on listing parts (Swift)', { listPartsAfterComplete: true }],
  ])('a store that %s is understood', async (_what, quirks) => {
    const other = await UploadBench.open(testServerTarget({ quirks }))
    const { upload } = await other.begin(2 * PART)
    const data = randomBytes(2 * PART)
    await (await other.store.open(upload.id)).write(chunksOf(data))
    expect((await other.store.open(upload.id)).upload.offsetBytes).toBe(2 * PART)
    await other.store.remove(upload.id)
    expect(await other.keys()).toEqual([])
    await other.close()
  })
})
