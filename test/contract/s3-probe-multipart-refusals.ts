import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { type Checks, type Probe, refusalOf } from './s3-probe-context.ts'
import { type Multipart, PART, beginMultipart } from './s3-probe-multipart-steps.ts'
import { sendRaw, signHeaders } from './s3-raw-request.ts'

const X = Buffer.from('x')
const NO_SUCH_UPLOAD = { code: 'NoSuchUpload', status: 404 }

/** An upload that has become an object. */
async function completed(s3: Probe): Promise<Multipart> {
  const upload = await beginMultipart(s3)
  await upload.complete([await upload.part(1, X)])
  return upload
}

async function aborted(s3: Probe): Promise<Multipart> {
  const upload = await beginMultipart(s3)
  await upload.part(1, X)
  await s3.client.send(new AbortMultipartUploadCommand(upload.target))
  return upload
}

/** Begins to send part 1 of `sizeBytes`, and breaks off the connection after half of it. */
async function breakOffPart(s3: Probe, { target }: Multipart, sizeBytes: number): Promise<void> {
  const path = `/${target.Bucket}/${target.Key}`
  const query = { partNumber: '1', uploadId: target.UploadId }
  const { headers } = signHeaders(s3.access, { method: 'PUT', path, query, payloadHash: 'UNSIGNED-PAYLOAD' })
  const url = `${s3.access.endpoint}${path}?${new URLSearchParams(query).toString()}`
  const sent = request(url, {
    method: 'PUT',
    headers: { ...headers, 'content-length': sizeBytes },
    agent: false,
  })
  sent.on('error', () => {})
  const closed = new Promise((resolve) => void sent.on('close', resolve))
  sent.write(Buffer.alloc(sizeBytes / 2), () => sent.destroy())
  await closed
  await sleep(200)
}

export const MULTIPART_REFUSAL_CHECKS = {
  'a multipart upload in a bucket that is not there is NoSuchBucket': async ({ client }) => {
    const create = new CreateMultipartUploadCommand({ Bucket: 'tusker-there-is-no-such-bucket', Key: 'x' })
    expect(await refusalOf(client.send(create))).toEqual({ code: 'NoSuchBucket', status: 404 })
  },
  'part numbers below 1 and above 10000 are InvalidArgument': async (s3) => {
    const upload = await beginMultipart(s3)
    for (const number of [0, 10_001])
      expect(await refusalOf(upload.part(number, X))).toEqual({ code: 'InvalidArgument', status: 400 })
  },
  'a part whose Content-MD5 is that of other bytes is BadDigest and not kept': async (s3) => {
    const { target, listed } = await beginMultipart(s3)
    const part = { ...target, PartNumber: 1, Body: X, ContentMD5: 'CY9rzUYh03PK3k6DJie09g==' }
    const refusal = await refusalOf(s3.client.send(new UploadPartCommand(part)))
    expect(refusal).toEqual({ code: 'BadDigest', status: 400 })
    expect(await listed()).toEqual([])
  },
  'a part whose sender breaks off leaves nothing, and the one before as it was': async (s3) => {
    const upload = await beginMultipart(s3)
    await breakOffPart(s3, upload, 2 * PART)
    expect(await upload.listed()).toEqual([])
    await upload.part(1, X)
    await breakOffPart(s3, upload, 2 * PART)
    expect(await upload.listed()).toEqual(['1:1'])
  },
  'Complete with an ETag that the part does not have is InvalidPart': async (s3) => {
    const upload = await beginMultipart(s3)
    const { ETag } = await upload.part(1, X)
    await upload.part(1, Buffer.from('y'))
    expect(await refusalOf(upload.complete([{ PartNumber: 1, ETag }]))).toEqual({
      code: 'InvalidPart',
      status: 400,
    })
  },
  'Complete with a part that is not there is InvalidPart, and can be repeated without it': async (s3) => {
    const upload = await beginMultipart(s3)
    const part = await upload.part(1, Buffer.alloc(PART))
    const refusal = await refusalOf(upload.complete([part, { PartNumber: 2, ETag: part.ETag }]))
    expect(refusal).toEqual({ code: 'InvalidPart', status: 400 })
    await upload.complete([part])
    expect((await s3.read(upload.target.Key)).byteLength).toBe(PART)
  },
  'Complete out of order is InvalidPartOrder': async (s3) => {
    const upload = await beginMultipart(s3)
    const parts = [await upload.part(2, Buffer.alloc(PART)), await upload.part(1, Buffer.alloc(PART))]
    expect(await refusalOf(upload.complete(parts))).toEqual({ code: 'InvalidPartOrder', status: 400 })
  },
  'Complete with a part before the last that is less than 5 MiB is EntityTooSmall, and the upload stays open':
    async (s3) => {
      const upload = await beginMultipart(s3)
      const parts = [await upload.part(1, Buffer.alloc(PART - 1)), await upload.part(2, X)]
      expect(await refusalOf(upload.complete(parts))).toEqual({ code: 'EntityTooSmall', status: 400 })
      expect(await upload.listed()).toEqual([`1:${PART - 1}`, '2:1'])
    },
  'Complete without parts is MalformedXML': async (s3) => {
    const { target } = await beginMultipart(s3)
    const body = Buffer.from('<CompleteMultipartUpload></CompleteMultipartUpload>')
    const raw = {
      method: 'POST',
      path: `/${target.Bucket}/${target.Key}`,
      query: { uploadId: target.UploadId },
    }
    expect(await sendRaw(s3.access, { ...raw, body })).toMatchObject({ status: 400, code: 'MalformedXML' })
  },
  'Complete with another size than MpuObjectSize is InvalidRequest': async (s3) => {
    const upload = await beginMultipart(s3)
    const complete = upload.complete([await upload.part(1, X)], { MpuObjectSize: 2 })
    expect(await refusalOf(complete)).toEqual({ code: 'InvalidRequest', status: 400 })
  },
  'Complete If-None-Match * does not replace an object': async (s3) => {
    const upload = await beginMultipart(s3)
    await s3.put(upload.target.Key, 'old')
    const complete = upload.complete([await upload.part(1, X)], { IfNoneMatch: '*' })
    expect(await refusalOf(complete)).toEqual({ code: 'PreconditionFailed', status: 412 })
    expect((await s3.read(upload.target.Key)).toString()).toBe('old')
  },
  'ListParts of a completed upload is NoSuchUpload': async (s3) => {
    expect(await refusalOf((await completed(s3)).listed())).toEqual(NO_SUCH_UPLOAD)
  },
  'ListParts of an aborted upload is NoSuchUpload': async (s3) => {
    expect(await refusalOf((await aborted(s3)).listed())).toEqual(NO_SUCH_UPLOAD)
  },
  'ListParts of an upload that never was, or of another key, is NoSuchUpload': async (s3) => {
    const { target } = await beginMultipart(s3)
    for (const wrong of [{ UploadId: 'never-was' }, { Key: s3.key() }]) {
      const list = new ListPartsCommand({ ...target, ...wrong })
      expect(await refusalOf(s3.client.send(list))).toEqual(NO_SUCH_UPLOAD)
    }
  },
  'a part for a completed or aborted upload is NoSuchUpload': async (s3) => {
    expect(await refusalOf((await completed(s3)).part(2, X))).toEqual(NO_SUCH_UPLOAD)
    expect(await refusalOf((await aborted(s3)).part(2, X))).toEqual(NO_SUCH_UPLOAD)
  },
  'Complete of an aborted upload is NoSuchUpload': async (s3) => {
    const upload = await beginMultipart(s3)
    const part = await upload.part(1, X)
    await s3.client.send(new AbortMultipartUploadCommand(upload.target))
    expect(await refusalOf(upload.complete([part]))).toEqual(NO_SUCH_UPLOAD)
  },
  'Abort of a completed or aborted upload is NoSuchUpload': async (s3) => {
    for (const { target } of [await completed(s3), await aborted(s3)]) {
      const abort = new AbortMultipartUploadCommand(target)
      expect(await refusalOf(s3.client.send(abort))).toEqual(NO_SUCH_UPLOAD)
    }
  },
  'an aborted upload leaves no object': async (s3) => {
    const { target } = await aborted(s3)
    expect((await refusalOf(s3.read(target.Key))).code).toBe('NoSuchKey')
  },
} satisfies Checks
