import { createHash, randomBytes } from 'node:crypto'
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { type Checks, type Probe, refusalOf } from './s3-probe-context.ts'
import { sendRaw } from './s3-raw-request.ts'

/** What GET of a range of '0123456789' gives. */
async function range(s3: Probe, Range: string): Promise<{ text: string; contentRange: string | undefined }> {
  const Key = s3.key()
  await s3.put(Key, '0123456789')
  const { Body, ContentRange } = await s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key, Range }))
  return { text: (await Body?.transformToString()) ?? '', contentRange: ContentRange }
}

export const OBJECT_CHECKS = {
  'an object comes back with its length, its MD5 as ETag and the time of its writing': async (s3) => {
    const [Key, data] = [s3.key(), randomBytes(100_000)]
    await s3.put(Key, data)
    expect((await s3.read(Key)).equals(data)).toBe(true)
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key }))
    expect(head.ContentLength).toBe(data.byteLength)
    expect(head.ETag).toBe(`"${createHash('md5').update(data).digest('hex')}"`)
    expect(Math.abs(Date.now() - (head.LastModified?.getTime() ?? 0))).toBeLessThan(60_000)
  },
  'an object may be empty': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, '')
    expect((await s3.read(Key)).byteLength).toBe(0)
  },
  'a second PutObject replaces the first': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, 'first, and longer')
    await s3.put(Key, 'second')
    expect((await s3.read(Key)).toString()).toBe('second')
  },
  'GET of a missing key is NoSuchKey': async ({ client, bucket, key }) => {
    const refusal = await refusalOf(client.send(new GetObjectCommand({ Bucket: bucket, Key: key() })))
    expect(refusal).toEqual({ code: 'NoSuchKey', status: 404 })
  },
  'HEAD of a missing key is 404 without a body, so without a code': async ({ access, bucket, key }) => {
    const answer = await sendRaw(access, { method: 'HEAD', path: `/${bucket}/${key()}` })
    expect(answer).toMatchObject({ status: 404, code: '' })
    expect(answer.body.byteLength).toBe(0)
  },
  'metadata, Content-Type, -Disposition, -Encoding and Cache-Control come back': async (s3) => {
    const Key = s3.key()
    const description = {
      ContentType: 'video/mp4',
      ContentDisposition: `attachment; filename*=UTF-8''%C3%BC.mp4`,
      ContentEncoding: 'br',
      CacheControl: 'no-store',
      Metadata: { name: 'value with spaces' },
    }
    await s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: 'x', ...description }))
    expect(await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key }))).toMatchObject(description)
  },
  'an object without a Content-Type has binary/octet-stream': async (s3) => {
    const path = `/${s3.bucket}/${s3.key()}`
    await sendRaw(s3.access, { method: 'PUT', path, body: Buffer.from('x') })
    const { headers } = await sendRaw(s3.access, { method: 'HEAD', path })
    expect(headers['content-type']).toBe('binary/octet-stream')
  },
  'response-content-* in the query replaces the headers of the answer': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, 'x')
    const asked = { ResponseContentType: 'text/plain', ResponseContentDisposition: 'inline' }
    const answer = await s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key, ...asked }))
    expect(answer).toMatchObject({ ContentType: 'text/plain', ContentDisposition: 'inline' })
  },
  'a key is any text: spaces, plus, percent, umlauts, quotes, slashes at odd places': async (s3) => {
    const keys = ['a b', ' a+b ', '100%25', 'ü/日本/😀', `'"&<>`, 'a//b/', '?#;=,@!$()*~', 'a/./b/../c']
    for (const name of keys) {
      const Key = `${s3.key()}/${name}`
      await s3.put(Key, Key)
      expect((await s3.read(Key)).toString(), name).toBe(Key)
    }
  },
  'a key may be the beginning of another, up to a slash': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, 'file')
    await s3.put(`${Key}/inside`, 'inside')
    expect((await s3.read(Key)).toString()).toBe('file')
  },
  'a key has at most 1024 bytes of UTF-8': async ({ client, bucket, key }) => {
    const start = `${key()}/`
    const longest = start + 'ü'.repeat((1024 - start.length) / 2) + 'x'.repeat(start.length % 2)
    const put = (Key: string) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }))
    expect((await refusalOf(put(longest))).code).toBe('(accepted)')
    expect(await refusalOf(put(`${longest}x`))).toEqual({ code: 'KeyTooLongError', status: 400 })
  },
  'Range: first to last': async (s3) => {
    expect(await range(s3, 'bytes=5-7')).toEqual({ text: '567', contentRange: 'bytes 5-7/10' })
  },
  'Range: from first on, and a last byte behind the end': async (s3) => {
    expect(await range(s3, 'bytes=8-')).toEqual({ text: '89', contentRange: 'bytes 8-9/10' })
    expect(await range(s3, 'bytes=8-100')).toEqual({ text: '89', contentRange: 'bytes 8-9/10' })
  },
  'Range: the last so many bytes': async (s3) => {
    expect(await range(s3, 'bytes=-3')).toEqual({ text: '789', contentRange: 'bytes 7-9/10' })
    expect(await range(s3, 'bytes=-30')).toEqual({ text: '0123456789', contentRange: 'bytes 0-9/10' })
  },
  'Range: bytes that are not there are 416 InvalidRange': async (s3) => {
    expect(await refusalOf(range(s3, 'bytes=10-'))).toEqual({ code: 'InvalidRange', status: 416 })
  },
  'Range: what is malformed is ignored': async (s3) => {
    expect(await range(s3, 'lines=1-2')).toEqual({ text: '0123456789', contentRange: undefined })
    expect(await range(s3, 'bytes=7-5')).toEqual({ text: '0123456789', contentRange: undefined })
  },
  'GET If-None-Match with the ETag, and If-Modified-Since with the time, are 304': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, 'x')
    const { ETag, LastModified } = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key }))
    const get = (condition: object) =>
      refusalOf(s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key, ...condition })))
    expect((await get({ IfNoneMatch: ETag })).status).toBe(304)
    expect((await get({ IfModifiedSince: LastModified })).status).toBe(304)
    expect((await get({ IfNoneMatch: '"other"', IfModifiedSince: LastModified })).status).toBe(200)
  },
  'GET If-Match with another ETag is 412': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, 'x')
    const get = new GetObjectCommand({ Bucket: s3.bucket, Key, IfMatch: '"other"' })
    expect(await refusalOf(s3.client.send(get))).toEqual({ code: 'PreconditionFailed', status: 412 })
  },
  'PutObject If-None-Match * writes only where nothing is': async (s3) => {
    const Key = s3.key()
    const put = (Body: string) =>
      s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body, IfNoneMatch: '*' }))
    await put('first')
    expect(await refusalOf(put('second'))).toEqual({ code: 'PreconditionFailed', status: 412 })
    expect((await s3.read(Key)).toString()).toBe('first')
  },
  'PutObject If-Match writes only over that ETag': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, 'first')
    const { ETag = '' } = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key }))
    const put = (IfMatch: string) =>
      s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: 'second', IfMatch }))
    expect(await refusalOf(put('"other"'))).toEqual({ code: 'PreconditionFailed', status: 412 })
    await put(ETag)
    expect((await s3.read(Key)).toString()).toBe('second')
  },
  'PutObject If-Match where nothing is, is NoSuchKey': async ({ client, bucket, key }) => {
    const put = new PutObjectCommand({ Bucket: bucket, Key: key(), Body: 'x', IfMatch: '"any"' })
    expect(await refusalOf(client.send(put))).toEqual({ code: 'NoSuchKey', status: 404 })
  },
  'tags given at PutObject come back': async (s3) => {
    const Key = s3.key()
    const Tagging = 'a=1&b=x%20y'
    await s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: 'x', Tagging }))
    const { TagSet } = await s3.client.send(new GetObjectTaggingCommand({ Bucket: s3.bucket, Key }))
    expect(TagSet?.toSorted((x, y) => ((x.Key ?? '') < (y.Key ?? '') ? -1 : 1))).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: 'x y' },
    ])
  },
  'an ACL is accepted': async ({ client, bucket, key }) => {
    const put = new PutObjectCommand({ Bucket: bucket, Key: key(), Body: 'x', ACL: 'private' })
    expect((await refusalOf(client.send(put))).code).toBe('(accepted)')
  },
  'encryption is accepted, and named by HEAD': async (s3) => {
    const Key = s3.key()
    const ServerSideEncryption = 'AES256'
    await s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: 'x', ServerSideEncryption }))
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key }))
    expect(head.ServerSideEncryption).toBe('AES256')
  },
  'deleting what is not there is 204': async ({ access, bucket, key }) => {
    expect((await sendRaw(access, { method: 'DELETE', path: `/${bucket}/${key()}` })).status).toBe(204)
  },
  'a deleted object is gone at once': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, 'x')
    await s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key }))
    expect((await refusalOf(s3.read(Key))).code).toBe('NoSuchKey')
  },
  'DeleteObjects deletes what is there and reports what is not as deleted too': async (s3) => {
    const keys = [`${s3.key()} &<ü>`, s3.key()]
    await s3.put(keys[0] ?? '', 'x')
    const Delete = { Objects: keys.map((Key) => ({ Key })) }
    const { Deleted = [] } = await s3.client.send(new DeleteObjectsCommand({ Bucket: s3.bucket, Delete }))
    expect(new Set(Deleted.map(({ Key }) => Key))).toEqual(new Set(keys))
    expect((await refusalOf(s3.read(keys[0] ?? ''))).code).toBe('NoSuchKey')
  },
  'DeleteObjects without any digest of its body is refused': async (s3) => {
    const Key = s3.key()
    await s3.put(Key, 'x')
    const body = Buffer.from(`<Delete><Object><Key>${Key}</Key></Object></Delete>`)
    const answer = await sendRaw(s3.access, {
      method: 'POST',
      path: `/${s3.bucket}`,
      query: { delete: '' },
      body,
    })
    expect(answer).toMatchObject({ status: 400, code: 'InvalidRequest' })
    expect((await s3.read(Key)).toString()).toBe('x')
  },
} satisfies Checks
