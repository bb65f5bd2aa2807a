import { createHash, randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { type Checks, type Probe, refusalOf } from './s3-probe-context.ts'
import { PART, type SentPart, beginMultipart } from './s3-probe-multipart-steps.ts'

function multipartEtag(...parts: readonly Buffer[]): string {
  const digests = parts.map((part) => createHash('md5').update(part).digest())
  return `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${parts.length}"`
}

async function openUploads({ client, bucket }: Probe, Prefix: string, page = {}) {
  return await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix, ...page }))
}

export const MULTIPART_CHECKS = {
  'an object made of parts has their bytes, an ETag of their MD5s and the metadata given at the beginning':
    async (s3) => {
      const given = { ContentType: 'video/mp4', Metadata: { name: 'x' }, ContentDisposition: 'inline' }
      const upload = await beginMultipart(s3, given)
      const [first, second] = [randomBytes(PART), randomBytes(7)]
      await upload.complete([await upload.part(1, first), await upload.part(2, second)])
      const at = { Bucket: s3.bucket, Key: upload.target.Key }
      const head = await s3.client.send(new HeadObjectCommand(at))
      expect(head).toMatchObject({ ...given, ContentLength: PART + 7, ETag: multipartEtag(first, second) })
      expect((await s3.read(at.Key)).equals(Buffer.concat([first, second]))).toBe(true)
      const across = await s3.client.send(
        new GetObjectCommand({ ...at, Range: `bytes=${PART - 2}-${PART + 1}` }),
      )
      const expected = Buffer.concat([first.subarray(-2), second.subarray(0, 2)])
      expect(Buffer.from((await across.Body?.transformToByteArray()) ?? []).equals(expected)).toBe(true)
    },
  'CompleteMultipartUpload answers the ETag of the object': async (s3) => {
    const [upload, data] = [await beginMultipart(s3), Buffer.from('x')]
    expect(await upload.complete([await upload.part(1, data)])).toBe(multipartEtag(data))
  },
  'an object is not there before Complete, nor does an old one change': async (s3) => {
    const upload = await beginMultipart(s3)
    const part = await upload.part(1, Buffer.from('new'))
    expect((await refusalOf(s3.read(upload.target.Key))).code).toBe('NoSuchKey')
    await s3.put(upload.target.Key, 'old')
    expect((await s3.read(upload.target.Key)).toString()).toBe('old')
    await upload.complete([part])
    expect((await s3.read(upload.target.Key)).toString()).toBe('new')
  },
  'a part that is sent again replaces the one before': async (s3) => {
    const upload = await beginMultipart(s3)
    await upload.part(1, Buffer.from('first, and longer'))
    const part = await upload.part(1, Buffer.from('second'))
    expect(await upload.listed()).toEqual(['1:6'])
    await upload.complete([part])
    expect((await s3.read(upload.target.Key)).toString()).toBe('second')
  },
  'ListParts gives number, size and ETag in the order of numbers': async (s3) => {
    const upload = await beginMultipart(s3)
    const parts = [await upload.part(7, Buffer.from('seven')), await upload.part(2, Buffer.from('2'))]
    const { Parts = [], IsTruncated } = await s3.client.send(new ListPartsCommand(upload.target))
    expect(IsTruncated).toBe(false)
    expect(Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))).toEqual(parts.toReversed())
    expect(await upload.listed()).toEqual(['2:1', '7:5'])
  },
  'ListParts goes page by page': async (s3) => {
    const upload = await beginMultipart(s3)
    for (const number of [1, 3, 5]) await upload.part(number, Buffer.from('x'))
    const first = await s3.client.send(new ListPartsCommand({ ...upload.target, MaxParts: 2 }))
    expect(first).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '3' })
    const marker = { PartNumberMarker: first.NextPartNumberMarker }
    const second = await s3.client.send(new ListPartsCommand({ ...upload.target, MaxParts: 2, ...marker }))
    expect(second.IsTruncated).toBe(false)
    expect([...(first.Parts ?? []), ...(second.Parts ?? [])].map((part) => part.PartNumber)).toEqual([
      1, 3, 5,
    ])
  },
  'ListParts of an upload without parts is empty': async (s3) => {
    expect(await (await beginMultipart(s3)).listed()).toEqual([])
  },
  'part numbers may have gaps and go up to 10000': async (s3) => {
    const upload = await beginMultipart(s3)
    const big = Buffer.alloc(PART, 'a')
    const parts = [await upload.part(3, big), await upload.part(10_000, Buffer.from('end'))]
    await upload.complete(parts)
    expect((await s3.read(upload.target.Key)).byteLength).toBe(PART + 3)
  },
  'parts that Complete does not name are left out': async (s3) => {
    const upload = await beginMultipart(s3)
    await upload.part(2, Buffer.from('no'))
    await upload.complete([await upload.part(1, Buffer.from('yes'))])
    expect((await s3.read(upload.target.Key)).toString()).toBe('yes')
  },
  'the only part may be empty': async (s3) => {
    const upload = await beginMultipart(s3)
    await upload.complete([await upload.part(1, Buffer.alloc(0))])
    expect((await s3.read(upload.target.Key)).byteLength).toBe(0)
  },
  'many parts may arrive at once': async (s3) => {
    const upload = await beginMultipart(s3)
    const bodies = Array.from({ length: 4 }, () => randomBytes(PART))
    const parts: SentPart[] = await Promise.all(bodies.map((body, index) => upload.part(index + 1, body)))
    await upload.complete(parts, { MpuObjectSize: 4 * PART })
    expect((await s3.read(upload.target.Key)).equals(Buffer.concat(bodies))).toBe(true)
  },
  'parts with a checksum each are completed with them': async (s3) => {
    const upload = await beginMultipart(s3, { ChecksumAlgorithm: 'CRC32' })
    const part = { ...upload.target, PartNumber: 1, Body: 'content', ChecksumAlgorithm: 'CRC32' } as const
    const { ETag = '', ChecksumCRC32 } = await s3.client.send(new UploadPartCommand(part))
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag, ChecksumCRC32 }] }
    await upload.complete([], { MultipartUpload })
    expect((await s3.read(upload.target.Key)).toString()).toBe('content')
  },
  'tags given at CreateMultipartUpload come back': async (s3) => {
    const upload = await beginMultipart(s3, { Tagging: 'a=1' })
    await upload.complete([await upload.part(1, Buffer.from('x'))])
    const at = { Bucket: s3.bucket, Key: upload.target.Key }
    const { TagSet } = await s3.client.send(new GetObjectTaggingCommand(at))
    expect(TagSet).toEqual([{ Key: 'a', Value: '1' }])
  },
  'two uploads of one key are two, and both are listed': async (s3) => {
    const first = await beginMultipart(s3)
    const { Key } = first.target
    const second = await beginMultipart(s3, { Key })
    await first.part(1, Buffer.from('first'))
    expect(await second.listed()).toEqual([])
    const ids = (await openUploads(s3, Key)).Uploads?.map(({ UploadId }) => UploadId)
    expect(ids?.toSorted()).toEqual([first.target.UploadId, second.target.UploadId].toSorted())
  },
  'ListMultipartUploads goes page by page': async (s3) => {
    const prefix = `${s3.key()}/`
    for (const name of ['c', 'a', 'b']) await beginMultipart(s3, { Key: prefix + name })
    const first = await openUploads(s3, prefix, { MaxUploads: 2 })
    expect(first.IsTruncated).toBe(true)
    const markers = { KeyMarker: first.NextKeyMarker, UploadIdMarker: first.NextUploadIdMarker }
    const second = await openUploads(s3, prefix, { MaxUploads: 2, ...markers })
    expect(second.IsTruncated).toBe(false)
    const keys = [first, second].flatMap(({ Uploads = [] }) => Uploads.map(({ Key }) => Key?.at(-1)))
    expect(keys).toEqual(['a', 'b', 'c'])
  },
  'what is completed or aborted is no longer listed as open': async (s3) => {
    const [done, aborted] = [await beginMultipart(s3), await beginMultipart(s3)]
    await done.complete([await done.part(1, Buffer.from('x'))])
    await s3.client.send(new AbortMultipartUploadCommand(aborted.target))
    for (const { target } of [done, aborted])
      expect((await openUploads(s3, target.Key)).Uploads ?? []).toEqual([])
  },
  'UploadPartCopy makes a part of an object or of a range of it': async (s3) => {
    const [upload, source] = [await beginMultipart(s3), s3.key()]
    const data = randomBytes(PART + 100)
    await s3.put(source, data)
    const copy = async (PartNumber: number, CopySourceRange?: string): Promise<SentPart> => {
      const from = { CopySource: `${s3.bucket}/${source}`, ...(CopySourceRange && { CopySourceRange }) }
      const copied = await s3.client.send(
        new UploadPartCopyCommand({ ...upload.target, PartNumber, ...from }),
      )
      return { PartNumber, ETag: copied.CopyPartResult?.ETag ?? '' }
    }
    await upload.complete([await copy(1), await copy(2, 'bytes=10-19')])
    const expected = Buffer.concat([data, data.subarray(10, 20)])
    expect((await s3.read(upload.target.Key)).equals(expected)).toBe(true)
  },
  'UploadPartCopy of bytes that are not there is refused': async (s3) => {
    const [upload, source] = [await beginMultipart(s3), s3.key()]
    await s3.put(source, Buffer.alloc(PART + 1))
    const from = { CopySource: `${s3.bucket}/${source}`, CopySourceRange: `bytes=0-${PART + 1}` }
    const copy = new UploadPartCopyCommand({ ...upload.target, PartNumber: 1, ...from })
    expect(await refusalOf(s3.client.send(copy))).toEqual({ code: 'InvalidArgument', status: 400 })
  },
  'a copy of an object made of parts has its bytes': async (s3) => {
    const [upload, Key] = [await beginMultipart(s3), s3.key()]
    const [first, second] = [randomBytes(PART), randomBytes(10)]
    await upload.complete([await upload.part(1, first), await upload.part(2, second)])
    const CopySource = `${s3.bucket}/${upload.target.Key}`
    await s3.client.send(new CopyObjectCommand({ Bucket: s3.bucket, Key, CopySource }))
    expect((await s3.read(Key)).equals(Buffer.concat([first, second]))).toBe(true)
  },
} satisfies Checks
