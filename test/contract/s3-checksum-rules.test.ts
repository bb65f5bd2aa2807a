import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { crc64nvme } from '../support/s3-test-server/crc.ts'
import type { Quirks } from '../support/s3-test-server/reply.ts'
import { startS3Server } from '../support/s3-test-server/server.ts'
import { type Probe, openProbe, refusalOf } from './s3-probe-context.ts'
import { PART, beginMultipart } from './s3-probe-multipart-steps.ts'

const CONTENT = Buffer.from('123456789')
const INVALID_REQUEST = { code: 'InvalidRequest', status: 400 }

const SUMS = {
  CRC32: base64(Buffer.from('cbf43926', 'hex')),
  CRC64NVME: base64(Buffer.from('ae8b14860a799888', 'hex')),
  SHA256: createHash('sha256').update(CONTENT).digest('base64'),
} as const

type Algorithm = keyof typeof SUMS

/** What AWS does with checksums; not in the probe suite, since the servers that it runs against are of all ages. */
describe('the S3 test server', () => {
  let s3: Probe
  let close = (): Promise<void> => Promise.resolve()

  async function open(quirks: Quirks = {}): Promise<void> {
    await close()
    ;({ s3, close } = await openProbe(() => startS3Server({ quirks })))
  }

  beforeEach(() => open())
  afterEach(async () => {
    await close()
    close = () => Promise.resolve()
  })

  async function begin(ChecksumAlgorithm?: Algorithm) {
    const { target, complete } = await beginMultipart(s3, { ChecksumAlgorithm })
    const part = (PartNumber: number, Body: Buffer, sums: Partial<Record<string, string>> = {}) =>
      s3.client.send(new UploadPartCommand({ ...target, PartNumber, Body, ...sums }))
    return { target, complete, part }
  }

  test.each(Object.entries(SUMS))(
    'verifies, keeps, lists and echoes a part’s %s',
    async (algorithm, value) => {
      const name = `Checksum${algorithm}`
      const { target, part, complete } = await begin(algorithm as Algorithm)
      const wrong = base64(Buffer.alloc(Buffer.from(value, 'base64').byteLength))
      expect(await refusalOf(part(1, CONTENT, { [name]: wrong }))).toEqual({ code: 'BadDigest', status: 400 })
      const sent = await part(1, CONTENT, { [name]: value })
      expect(sent).toMatchObject({ [name]: value })
      const listed = await s3.client.send(new ListPartsCommand(target))
      expect(listed).toMatchObject({ ChecksumAlgorithm: algorithm, Parts: [{ [name]: value }] })
      await complete([], { MultipartUpload: { Parts: [{ PartNumber: 1, ETag: sent.ETag, [name]: value }] } })
      const at = { Bucket: target.Bucket, Key: target.Key, ChecksumMode: 'ENABLED' } as const
      const head = await s3.client.send(new HeadObjectCommand(at))
      const digests = Buffer.from(value, 'base64')
      const composite = algorithm === 'CRC32' ? crc(digests) : createHash('sha256').update(digests).digest()
      const expected = algorithm === 'CRC64NVME' ? value : `${base64(composite)}-1`
      expect(head).toMatchObject({ [name]: expected })
    },
  )

  test('says which checksum an upload was created with, and knows no others', async () => {
    const at = { Bucket: s3.bucket, Key: s3.key() }
    const create = new CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: 'SHA256' })
    expect(await s3.client.send(create)).toMatchObject({
      ChecksumAlgorithm: 'SHA256',
      ChecksumType: 'COMPOSITE',
    })
    for (const unknown of [{ ChecksumAlgorithm: 'MD4' }, { ChecksumType: 'COMPOSITE' }] as object[]) {
      const wrong = new CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: 'CRC64NVME', ...unknown })
      expect(await refusalOf(s3.client.send(wrong))).toEqual(INVALID_REQUEST)
    }
  })

  test('takes only parts with the checksum that the upload was created with', async () => {
    const { part } = await begin('CRC32')
    await expect(part(1, CONTENT)).rejects.toThrow(
      'Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: null',
    )
    expect(await refusalOf(part(1, CONTENT))).toEqual(INVALID_REQUEST)
    expect(await refusalOf(part(1, CONTENT, { ChecksumSHA256: SUMS.SHA256 }))).toEqual(INVALID_REQUEST)
    const plain = await begin()
    await expect(plain.part(1, CONTENT, { ChecksumCRC32: SUMS.CRC32 })).rejects.toThrow(
      'expected checksum Type: null, actual checksum Type: crc32',
    )
  })

  test('computes a full-object checksum (CRC64NVME) itself where a part has none', async () => {
    const { part, complete } = await begin('CRC64NVME')
    const { ETag } = await part(1, CONTENT)
    expect(await complete([{ PartNumber: 1, ETag: ETag ?? '' }])).not.toBe('')
  })

  test('completes only with the checksum of every part, and that of the part', async () => {
    const { part, complete } = await begin('CRC32')
    const big = randomBytes(PART)
    const { ETag: first = '' } = await part(1, big, { ChecksumCRC32: base64(crc(big)) })
    const { ETag: second = '' } = await part(2, CONTENT, { ChecksumCRC32: SUMS.CRC32 })
    const named = (sums: object) => [
      { PartNumber: 1, ETag: first, ChecksumCRC32: base64(crc(big)) },
      { PartNumber: 2, ETag: second, ...sums },
    ]
    await expect(complete(named({}))).rejects.toThrow('It was missing for part 2 in the request')
    expect(await refusalOf(complete(named({})))).toEqual(INVALID_REQUEST)
    expect(await refusalOf(complete(named({ ChecksumCRC32: base64(crc(big)) })))).toMatchObject({
      code: 'InvalidPart',
    })
    await complete(named({ ChecksumCRC32: SUMS.CRC32 }))
  })

  test('gives a copied part the checksum of its upload', async () => {
    const { target, complete } = await begin('CRC32')
    const source = s3.key()
    await s3.put(source, CONTENT)
    const from = { CopySource: `${s3.bucket}/${source}`, PartNumber: 1 }
    const { CopyPartResult } = await s3.client.send(new UploadPartCopyCommand({ ...target, ...from }))
    expect(CopyPartResult).toMatchObject({ ChecksumCRC32: SUMS.CRC32 })
    const part = { PartNumber: 1, ETag: CopyPartResult?.ETag ?? '' }
    expect(await refusalOf(complete([part]))).toEqual(INVALID_REQUEST)
    await complete([], { MultipartUpload: { Parts: [{ ...part, ChecksumCRC32: SUMS.CRC32 }] } })
  })

  test('as an old server takes any checksum, right or wrong, and echoes none', async () => {
    await open({ checksums: 'ignore' })
    const put = new PutObjectCommand({ Bucket: s3.bucket, Key: 'a', Body: 'x', ChecksumCRC32: SUMS.CRC32 })
    expect((await s3.client.send(put)).ChecksumCRC32).toBeUndefined()
    const { target, part, complete } = await begin('CRC32')
    const { ETag = '' } = await part(1, CONTENT)
    expect(await s3.client.send(new ListPartsCommand(target))).not.toHaveProperty('ChecksumAlgorithm')
    await complete([{ PartNumber: 1, ETag }])
  })

  test('as R2 once was refuses every request that names one', async () => {
    await open({ checksums: 'refuse' })
    const put = new PutObjectCommand({ Bucket: s3.bucket, Key: 'a', Body: 'x', ChecksumCRC32: SUMS.CRC32 })
    await expect(s3.client.send(put)).rejects.toThrow(
      `Header 'x-amz-checksum-crc32' with value '${SUMS.CRC32}' not implemented`,
    )
    expect(await refusalOf(begin('CRC32'))).toEqual({ code: 'NotImplemented', status: 501 })
    await s3.put('a', 'x')
  })

  test('as R2 completes only parts of one size, the last of which may be smaller', async () => {
    await open({ equalParts: true })
    const [big, bigger] = [Buffer.alloc(PART), Buffer.alloc(PART + 1)]
    for (const [bodies, code] of [
      [[big, big, CONTENT], '(accepted)'],
      [[bigger, bigger], '(accepted)'],
      [[CONTENT], '(accepted)'],
      [[big, bigger, CONTENT], 'InvalidPart'],
      [[big, bigger], 'InvalidPart'],
    ] as const) {
      const upload = await beginMultipart(s3)
      const parts = []
      for (const [index, body] of bodies.entries()) parts.push(await upload.part(index + 1, body))
      expect((await refusalOf(upload.complete(parts))).code).toBe(code)
    }
  })

  test('computes CRC-64/NVME as its definition says', () => {
    expect(base64(crc64nvme(CONTENT))).toBe(SUMS.CRC64NVME)
  })
})

function base64(bytes: Buffer): string {
  return bytes.toString('base64')
}

function crc(bytes: Buffer): Buffer {
  return Buffer.from(crc32(bytes).toString(16).padStart(8, '0'), 'hex')
}
