import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConcatPiece, OpenUpload } from '../../src/core/upload-store.ts'
import { type UploadConcat } from '../../src/core/upload.ts'
import type { S3Options } from '../../src/storage/drivers/s3/options.ts'
import { S3UploadStore } from '../../src/storage/drivers/s3/upload-store.ts'
import { createMemoryLocker } from '../../src/locks/memory-locker.ts'
import { Concatenations } from '../../src/tus/concatenation/concatenations.ts'
import { findPieces } from '../../src/tus/concatenation/pieces.ts'
import type { TusServerOptions } from '../../src/tus/tus-context.ts'
import { silentLogger } from '../support/tus-test-server.ts'
import { chunksOf } from '../support/chunks.ts'
import { faultyS3Targets } from '../support/faulty-s3.ts'
import { s3Options, testBufferSpace } from '../support/s3-location.ts'
import { type S3ServerOptions, type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import { s3ConcatenationSuite } from './s3-concatenation-suite.ts'
import { uploadInfo } from './s3-upload-bench.ts'

const MIB = 1024 ** 2
const BUCKET = 'uploads'

for (const target of faultyS3Targets()) s3ConcatenationSuite(target)

describe('a final upload in S3', () => {
  let s3: S3TestServer
  let store: S3UploadStore

  afterEach(async () => {
    store.s3.close()
    await s3.close()
  })

  async function open(server: S3ServerOptions = {}, options: Partial<S3Options> = {}): Promise<void> {
    s3 = await startS3Server({ buckets: [BUCKET], ...server })
    store = new S3UploadStore(s3Options(s3, BUCKET, options), testBufferSpace())
  }

  async function partial(content: Buffer): Promise<ConcatPiece> {
    const info = { ...uploadInfo(content.byteLength), concat: { kind: 'partial', raw: 'partial' } as const }
    await (await store.begin(info)).write(chunksOf(content))
    return { id: info.id, sizeBytes: content.byteLength }
  }

  async function concatenate(contents: readonly Buffer[], isLengthKnown = true): Promise<Buffer | undefined> {
    const pieces = await Promise.all(contents.map(partial))
    s3.clearRequests()
    const lengthBytes = contents.reduce((sum, { byteLength }) => sum + byteLength, 0)
    const partialIds = pieces.map(({ id }) => id)
    const concat: UploadConcat = { kind: 'final', raw: 'final;/a', partialIds }
    const begun = await store.begin({ ...uploadInfo(isLengthKnown ? lengthBytes : undefined), concat })
    await begun.concatenate?.(pieces)
    return s3.objects(BUCKET).get(begun.upload.id)?.body
  }

  function operations(): string[] {
    return s3.requests.map(({ operation }) => operation).toSorted()
  }

  function bytesThroughUs(): number {
    return s3.requests
      .filter(({ operation }) => operation === 'UploadPart')
      .reduce((sum, { bytesReceived }) => sum + bytesReceived, 0)
  }

  describe('asks for', () => {
    beforeEach(() => open())

    test('one copy for each of 4 pieces of 50 MiB, and 4 requests more; no byte goes through us', async () => {
      const contents = Array.from({ length: 4 }, () => randomBytes(50 * MIB))
      expect((await concatenate(contents))?.equals(Buffer.concat(contents))).toBe(true)
      expect(operations()).toEqual([
        'CompleteMultipartUpload',
        'CreateMultipartUpload',
        'HeadObject',
        'PutObject',
        ...Array.from({ length: 4 }, () => 'UploadPartCopy'),
      ])
    }, 60_000)

    test('20 requests in all, from the POST to its answer: the pieces are looked at, and marked as used', async () => {
      const pieces = await Promise.all([6, 6, 6, 6].map((size) => partial(randomBytes(size * MIB))))
      const ids = pieces.map(({ id }) => id)
      s3.clearRequests()
      const options: TusServerOptions = {
        locationName: 's3',
        mode: 'rw',
        store,
        locker: createMemoryLocker({ timeoutMs: 1_000 }),
        logger: silentLogger,
        clock: Date.now,
        maxSizeBytes: undefined,
        expirationMs: undefined,
        expirationMode: 'absolute',
        partialRetentionMs: 1_000,
        rufhInformational: false,
        bodyIdleTimeoutMs: 1_000,
        uploadUrl: (_request, id) => `/files/${id}`,
      }
      const { finished = [] } = await findPieces(options, ids)
      const concat = { kind: 'final', raw: 'final;/a', partialIds: ids } as const
      const info = { ...uploadInfo(24 * MIB), concat }
      const open = async (): Promise<OpenUpload> => await store.begin(info)
      const upload = await new Concatenations(options).run({ info, pieces: finished, open })
      expect(upload.offsetBytes).toBe(24 * MIB)
      expect(s3.requests).toHaveLength(20)
    })

    test('no multipart upload, if all of it is too small for a part', async () => {
      const contents = [randomBytes(1000), randomBytes(0), randomBytes(MIB)]
      expect((await concatenate(contents))?.equals(Buffer.concat(contents))).toBe(true)
      expect(operations()).toEqual(['GetObject', 'GetObject', 'PutObject', 'PutObject'])
    })

    test('no more bytes than 5 MiB for each piece that is too small', async () => {
      const contents = [12, 2, 9, 1, 30].map((size) => randomBytes(size * MIB))
      expect((await concatenate(contents))?.equals(Buffer.concat(contents))).toBe(true)
      expect(bytesThroughUs()).toBe(10 * MIB)
    })
  })

  test.each([
    ['known', true],
    ['not known before', false],
  ])(
    'has parts of one size, at a store that wants them (R2); its length %s',
    async (_what, isLengthKnown) => {
      await open({ quirks: { equalParts: true } }, { tus: { chunkSizeBytes: 5 * MIB, equalParts: true } })
      for (const sizes of [
        [10 * MIB, 10 * MIB, 10 * MIB + 2],
        [7 * MIB, 13 * MIB + 1, 1, 6 * MIB],
        [12 * MIB + 1, 12 * MIB + 1, 12 * MIB + 3],
      ]) {
        const contents = sizes.map((size) => randomBytes(size))
        expect((await concatenate(contents, isLengthKnown))?.equals(Buffer.concat(contents))).toBe(true)
      }
    },
  )

  test.each([
    ['gives back no checksums', { checksums: 'ignore' }],
    ['wants every part named (Ceph)', { everyPartNamed: true, noSuchKeyForListParts: true }],
    ['goes on listing parts (Swift)', { listPartsAfterComplete: true }],
  ] as const)('is made at a store that %s', async (_what, quirks) => {
    await open({ quirks })
    const contents = [6, 1, 12].map((size) => randomBytes(size * MIB + 1))
    expect((await concatenate(contents))?.equals(Buffer.concat(contents))).toBe(true)
  })

  test('has ACL, encryption and type of its own', async () => {
    await open({}, { acl: 'public-read', serverSideEncryption: 'AES256' })
    await concatenate([randomBytes(6 * MIB), randomBytes(6 * MIB)])
    const creating = s3.requests.filter(({ operation }) =>
      ['PutObject', 'CreateMultipartUpload'].includes(operation),
    )
    expect(creating).toHaveLength(2)
    for (const { headers } of creating)
      expect(headers).toMatchObject({ 'x-amz-acl': 'public-read', 'x-amz-server-side-encryption': 'AES256' })
  })

  test('what goes through us carries a digest, for the store to refuse bytes that were changed on their way', async () => {
    await open()
    await concatenate([randomBytes(6 * MIB), randomBytes(MIB), randomBytes(6 * MIB)])
    const sent = s3.requests.filter(({ operation }) => operation === 'UploadPart')
    expect(sent).toHaveLength(2)
    for (const { headers } of sent) expect(headers['content-md5']).toMatch(/^[\w+/]{22}==$/)
  })
})
