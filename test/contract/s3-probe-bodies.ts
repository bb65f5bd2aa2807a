import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { type ChecksumAlgorithm, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { type Checks, type Probe, refusalOf } from './s3-probe-context.ts'
import { type RawAnswer, type RawRequest, exchange, sendRaw, sha256, signHeaders } from './s3-raw-request.ts'

/** Sends 'content' with a header that is about it, and expects that nothing is stored. */
async function putWith(s3: Probe, headers: Record<string, string>): Promise<RawAnswer> {
  const key = s3.key()
  const path = `/${s3.bucket}/${key}`
  const answer = await sendRaw(s3.access, { method: 'PUT', path, body: Buffer.from('content'), headers })
  expect((await refusalOf(s3.read(key))).code).toBe('NoSuchKey')
  return answer
}

/** A body in two signed chunks; `tamper` changes a byte of the second. */
async function putSignedChunks(s3: Probe, key: string, data: Buffer, tamper = false): Promise<RawAnswer> {
  const raw: RawRequest = {
    method: 'PUT',
    path: `/${s3.bucket}/${key}`,
    payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    headers: { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(data.byteLength) },
  }
  const { headers, signature, sign } = signHeaders(s3.access, raw)
  const frames: Buffer[] = []
  let previous = signature
  for (const piece of [data.subarray(0, 65_536), data.subarray(65_536), Buffer.alloc(0)]) {
    previous = sign('-PAYLOAD', previous, sha256(''), sha256(piece))
    const head = `${piece.byteLength.toString(16)};chunk-signature=${previous}\r\n`
    frames.push(Buffer.from(head), piece, Buffer.from('\r\n'))
  }
  const body = Buffer.concat(frames)
  if (tamper) body.writeUInt8((body.at(-200) ?? 0) ^ 1, body.byteLength - 200)
  return await exchange(`${s3.access.endpoint}${raw.path}`, 'PUT', headers, body)
}

function base64(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('base64')
}

const CRC32_OF_OTHER = Buffer.from(crc32('other').toString(16).padStart(8, '0'), 'hex').toString('base64')

export const BODY_CHECKS = {
  'a body whose Content-MD5 is that of other bytes is BadDigest': async (s3) => {
    const answer = await putWith(s3, { 'content-md5': base64('md5', 'other') })
    expect(answer).toMatchObject({ status: 400, code: 'BadDigest' })
  },
  'a Content-MD5 that is none is InvalidDigest': async (s3) => {
    const answer = await putWith(s3, { 'content-md5': 'bm90IGFuIG1kNQ==' })
    expect(answer).toMatchObject({ status: 400, code: 'InvalidDigest' })
  },
  'a body whose CRC32 is that of other bytes is BadDigest': async (s3) => {
    const answer = await putWith(s3, { 'x-amz-checksum-crc32': CRC32_OF_OTHER })
    expect(answer).toMatchObject({ status: 400, code: 'BadDigest' })
  },
  'a body whose SHA-1 or SHA-256 is that of other bytes is BadDigest': async (s3) => {
    for (const algorithm of ['sha1', 'sha256']) {
      const answer = await putWith(s3, { [`x-amz-checksum-${algorithm}`]: base64(algorithm, 'other') })
      expect(answer, algorithm).toMatchObject({ status: 400, code: 'BadDigest' })
    }
  },
  'a body that is not the one that was signed is XAmzContentSHA256Mismatch': async (s3) => {
    const path = `/${s3.bucket}/${s3.key()}`
    const raw = { method: 'PUT', path, body: Buffer.from('content'), payloadHash: sha256('other') }
    expect(await sendRaw(s3.access, raw)).toMatchObject({ status: 400, code: 'XAmzContentSHA256Mismatch' })
  },
  'a body may go unsigned': async (s3) => {
    const key = s3.key()
    const raw = { method: 'PUT', path: `/${s3.bucket}/${key}`, payloadHash: 'UNSIGNED-PAYLOAD' }
    expect((await sendRaw(s3.access, { ...raw, body: Buffer.from('content') })).status).toBe(200)
    expect((await s3.read(key)).toString()).toBe('content')
  },
  'a body without its length is 411 MissingContentLength': async (s3) => {
    const raw: RawRequest = {
      method: 'PUT',
      path: `/${s3.bucket}/${s3.key()}`,
      unsignedHeaders: { 'transfer-encoding': 'chunked' },
      body: Buffer.from('content'),
    }
    expect(await sendRaw(s3.access, raw)).toMatchObject({ status: 411, code: 'MissingContentLength' })
  },
  'a body whose sender waits for 100 Continue arrives': async (s3) => {
    const [key, body] = [s3.key(), randomBytes(3 * 1024 ** 2)]
    await s3.defaultClient.send(new PutObjectCommand({ Bucket: s3.bucket, Key: key, Body: body }))
    expect((await s3.read(key)).equals(body)).toBe(true)
  },
  'a stream whose CRC32 comes behind it (aws-chunked) is stored without its framing': async (s3) => {
    const [key, data] = [s3.key(), randomBytes(300_000)]
    const body = { Body: Readable.from([data.subarray(0, 100_000), data.subarray(100_000)]) }
    const put = { Bucket: s3.bucket, Key: key, ContentLength: data.byteLength, ...body }
    await s3.defaultClient.send(new PutObjectCommand(put))
    expect((await s3.read(key)).equals(data)).toBe(true)
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key: key }))
    expect(head.ContentEncoding).toBeUndefined()
  },
  'a stream with a known length needs no framing where no checksum is wanted': async (s3) => {
    const [key, data] = [s3.key(), randomBytes(300_000)]
    const put = { Bucket: s3.bucket, Key: key, ContentLength: data.byteLength, Body: Readable.from([data]) }
    await s3.client.send(new PutObjectCommand(put))
    expect((await s3.read(key)).equals(data)).toBe(true)
  },
  'a body in chunks that are signed each is stored without its framing': async (s3) => {
    const [key, data] = [s3.key(), randomBytes(100_000)]
    expect((await putSignedChunks(s3, key, data)).status).toBe(200)
    expect((await s3.read(key)).equals(data)).toBe(true)
  },
  'a chunk that is not the one that was signed is refused, and nothing is stored': async (s3) => {
    const key = s3.key()
    const answer = await putSignedChunks(s3, key, randomBytes(100_000), true)
    expect((await refusalOf(s3.read(key))).code).toBe('NoSuchKey')
    expect(answer).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
  },
  'checksums of every kind are verified by S3, kept and given back': async (s3) => {
    const kinds: ChecksumAlgorithm[] = ['CRC32', 'CRC32C', 'SHA1', 'SHA256']
    for (const ChecksumAlgorithm of kinds) {
      const at = { Bucket: s3.bucket, Key: s3.key() }
      const name = `Checksum${ChecksumAlgorithm}` as const
      const put = await s3.client.send(new PutObjectCommand({ ...at, Body: 'content', ChecksumAlgorithm }))
      const head = await s3.client.send(new HeadObjectCommand({ ...at, ChecksumMode: 'ENABLED' }))
      expect(put).toHaveProperty(name)
      expect(head).toHaveProperty(name, put[name as keyof typeof put])
    }
  },
} satisfies Checks
