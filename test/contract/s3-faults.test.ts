import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'node:net'
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fault } from '../support/s3-test-server/faults.ts'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import { type Probe, openProbe, refusalOf } from './s3-probe-context.ts'
import { PART, beginMultipart } from './s3-probe-multipart-steps.ts'
import { exchange, presign, sendRaw, signHeaders } from './s3-raw-request.ts'

describe('a fault of the S3 test server', () => {
  let server: S3TestServer
  let s3: Probe
  let close: () => Promise<void>

  beforeEach(async () => {
    server = await startS3Server()
    ;({ s3, close } = await openProbe(() => Promise.resolve(server)))
  })

  afterEach(async () => {
    server.faults.clear()
    await close()
  })

  const put = async (Key: string, Body: string): Promise<void> => {
    await s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body }))
  }
  const object = (key: string): string | undefined => server.objects(s3.bucket).get(key)?.body.toString()
  const failPut = (fault: Fault) => server.faults.inject({ operation: 'PutObject', fault })

  test('status: answers an error and does nothing, once', async () => {
    const fault = failPut({ kind: 'status', status: 503, code: 'SlowDown' })
    expect(await refusalOf(put('a', 'x'))).toEqual({ code: 'SlowDown', status: 503 })
    expect(object('a')).toBeUndefined()
    await put('a', 'x')
    expect(object('a')).toBe('x')
    expect(fault.hits).toBe(1)
  })

  test('strikes only the operation, key and part that it is for, after those that it lets through', async () => {
    const upload = await beginMultipart(s3)
    const fault = server.faults.inject({
      operation: ['UploadPart', 'PutObject'],
      key: (key) => key === upload.target.Key,
      partNumber: 2,
      skip: 1,
      times: 2,
      fault: { kind: 'status', status: 500, code: 'InternalError' },
    })
    await put('elsewhere', 'x')
    await upload.part(1, Buffer.from('x'))
    await upload.part(2, Buffer.from('let through'))
    expect((await refusalOf(upload.part(2, Buffer.from('y')))).status).toBe(500)
    expect((await refusalOf(upload.part(2, Buffer.from('y')))).status).toBe(500)
    await upload.part(2, Buffer.from('now'))
    expect(fault.hits).toBe(2)
    expect(await upload.listed()).toEqual(['1:1', '2:3'])
  })

  test('200-with-error-body: Complete begins with 200, ends with an error, and nothing is done', async () => {
    const upload = await beginMultipart(s3)
    const part = await upload.part(1, Buffer.from('x'))
    const fault = { kind: '200-with-error-body', code: 'InternalError' } as const
    server.faults.inject({ operation: 'CompleteMultipartUpload', fault })
    expect((await refusalOf(upload.complete([part]))).code).toBe('InternalError')
    expect(server.requests.at(-1)).toMatchObject({ operation: 'CompleteMultipartUpload', status: 200 })
    expect(await upload.listed()).toEqual(['1:1'])
  })

  test.each(['reset-before-body', 'reset-after-body'] as const)(
    '%s: the connection is reset and nothing is done',
    async (kind) => {
      failPut({ kind })
      await expect(put('a', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(object('a')).toBeUndefined()
      const bytesReceived = kind === 'reset-before-body' ? 0 : 1
      expect(server.requests.at(-1)).toMatchObject({ operation: 'PutObject', status: 0, bytesReceived })
    },
  )

  test('answer-lost: the connection is reset, but it is done', async () => {
    failPut({ kind: 'answer-lost' })
    await expect(put('a', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(object('a')).toBe('x')
  })

  test('apply-later: the connection is reset, and it is done after something newer was', async () => {
    failPut({ kind: 'apply-later', ms: 60 })
    await expect(put('a', 'old')).rejects.toMatchObject({ code: 'ECONNRESET' })
    await put('a', 'new')
    expect(object('a')).toBe('new')
    await expect.poll(() => object('a')).toBe('old')
  })

  test('stall: nothing happens until the test lets it go on', async () => {
    const fault = failPut({ kind: 'stall', ms: 60_000 })
    const stalled = put('a', 'x')
    await expect.poll(() => fault.hits).toBe(1)
    await sleep(20)
    expect(object('a')).toBeUndefined()
    fault.release()
    await stalled
    expect(object('a')).toBe('x')
  })

  test('stall, then reset: nothing is done', async () => {
    failPut({ kind: 'stall', ms: 20, afterwards: 'reset' })
    await expect(put('a', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(object('a')).toBeUndefined()
  })

  test('slow: a body takes its time, in both directions', async () => {
    const data = randomBytes(20_000)
    const fault = { kind: 'slow', bytesPerSecond: 100_000 } as const
    server.faults.inject({ operation: ['PutObject', 'GetObject'], times: 2, fault })
    const started = Date.now()
    await s3.put('slow', data)
    const written = Date.now()
    expect((await s3.read('slow')).equals(data)).toBe(true)
    expect(written - started).toBeGreaterThanOrEqual(190)
    expect(Date.now() - written).toBeGreaterThanOrEqual(190)
  })

  test('truncated-answer: an object breaks off in the middle', async () => {
    await s3.put('cut', randomBytes(100_000))
    const fault = { kind: 'truncated-answer', afterBytes: 50_000 } as const
    server.faults.inject({ operation: 'GetObject', fault })
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key: 'cut' }))
    await expect(Body?.transformToByteArray()).rejects.toThrow('aborted')
  })

  test('truncated-answer: a listing breaks off, and is not taken for a short one', async () => {
    await put('a', 'x')
    server.faults.inject({ fault: { kind: 'truncated-answer', afterBytes: 100 } })
    const list = new ListObjectsV2Command({ Bucket: s3.bucket })
    await expect(s3.client.send(list)).rejects.toThrow('aborted')
  })

  test('short-listing: a page has fewer entries than asked for, and says that there are more', async () => {
    const upload = await beginMultipart(s3)
    for (const number of [1, 2, 3]) await upload.part(number, Buffer.from('x'))
    server.faults.inject({ operation: 'ListParts', fault: { kind: 'short-listing', maxEntries: 2 } })
    const { Parts, ...page } = await s3.client.send(new ListPartsCommand(upload.target))
    expect(Parts?.length).toBe(2)
    expect(page).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2' })
  })

  test('stale-listing: ListParts shows what was there, a part that was replaced as it had been', async () => {
    const upload = await beginMultipart(s3)
    await upload.part(1, Buffer.from('x'))
    await upload.part(1, Buffer.from('replaced'))
    await upload.part(2, Buffer.from('x'))
    server.faults.inject({ operation: 'ListParts', fault: { kind: 'stale-listing', writesAgo: 2 } })
    expect(await upload.listed()).toEqual(['1:1'])
    expect(await upload.listed()).toEqual(['1:8', '2:1'])
  })

  test('stale-listing: ListObjectsV2 lacks what is new and has what is gone', async () => {
    await put('gone', 'x')
    await sendRaw(server, { method: 'DELETE', path: `/${s3.bucket}/gone` })
    await put('new', 'x')
    server.faults.inject({ operation: 'ListObjectsV2', fault: { kind: 'stale-listing', writesAgo: 2 } })
    const list = async () => (await s3.client.send(new ListObjectsV2Command({ Bucket: s3.bucket }))).Contents
    expect((await list())?.map(({ Key }) => Key)).toEqual(['gone'])
    expect((await list())?.map(({ Key }) => Key)).toEqual(['new'])
  })

  test('clock-skew: signatures are refused by a shifted clock, which Date shows', async () => {
    const aheadMs = -60 * 60_000
    server.faults.inject({ operation: 'PutObject', times: 2, fault: { kind: 'clock-skew', aheadMs } })
    expect(await refusalOf(put('a', 'x'))).toEqual({ code: 'RequestTimeTooSkewed', status: 403 })
    // The SDK has learned the time from the refusal's Date.
    await put('a', 'x')
    expect(object('a')).toBe('x')
  })

  test('clear: nothing fails any more, and what stalls goes on', async () => {
    const fault = failPut({ kind: 'stall', ms: 60_000 })
    const stalled = put('a', 'x')
    await expect.poll(() => fault.hits).toBe(1)
    failPut({ kind: 'status', status: 500, code: 'InternalError' })
    server.faults.clear()
    await stalled
    await put('a', 'y')
    expect(object('a')).toBe('y')
  })
})

describe('the S3 test server', () => {
  let server: S3TestServer

  beforeEach(async () => {
    server = await startS3Server({ buckets: ['photos'] })
  })

  afterEach(() => server.close())

  test('refuses what it does not do, by its name, and leaves the object alone', async () => {
    const path = '/photos/a'
    await sendRaw(server, { method: 'PUT', path, body: Buffer.from('x') })
    for (const method of ['PUT', 'DELETE']) {
      const answer = await sendRaw(server, { method, path, query: { tagging: '' } })
      expect(answer).toMatchObject({ status: 501, code: 'NotImplemented' })
      expect(answer.body.toString()).toContain(`${method} object?tagging`)
    }
    expect(server.objects('photos').get('a')?.body.toString()).toBe('x')
  })

  test('refuses a checksum that it cannot compute', async () => {
    const headers = { 'x-amz-checksum-xxhash64': 'AAAAAAAAAAA=' }
    const answer = await sendRaw(server, {
      method: 'PUT',
      path: '/photos/a',
      headers,
      body: Buffer.from('x'),
    })
    expect(answer).toMatchObject({ status: 501, code: 'NotImplemented' })
  })

  test('takes the bucket from the host too (virtual-host style)', async () => {
    const { port } = new URL(server.endpoint)
    const access = { ...server, endpoint: `http://photos.localhost:${port}` }
    const { headers } = signHeaders(access, { method: 'PUT', path: '/a/b', body: Buffer.from('x') })
    const answer = await exchange(`${server.endpoint}/a/b`, 'PUT', headers, Buffer.from('x'))
    expect(answer.status).toBe(200)
    expect([...server.objects('photos').keys()]).toEqual(['a/b'])
  })

  test('answers what is no HTTP escape with InvalidURI', async () => {
    const url = presign(server, { method: 'GET', path: '/photos/a' }, 60)
    expect(await exchange(url.replace('/a?', '/%ff?'), 'GET')).toMatchObject({
      status: 400,
      code: 'InvalidURI',
    })
  })

  test('tells of every request, in order, also of one that was broken off', async () => {
    const upload = { method: 'PUT', path: '/photos/a', query: { partNumber: '3', uploadId: 'u' } }
    await sendRaw(server, { ...upload, body: Buffer.from('four') })
    const told = { operation: 'UploadPart', bucket: 'photos', key: 'a', partNumber: 3, uploadId: 'u' }
    expect(server.requests).toMatchObject([{ ...told, bytesReceived: 4, status: 404 }])
    const socket = createConnection(Number(new URL(server.endpoint).port), '127.0.0.1')
    socket.end('PUT /photos/b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
    socket.resume()
    await once(socket, 'close')
    const brokenOff = { operation: 'PutObject', key: 'b', status: 0 }
    await expect.poll(() => server.requests.at(-1)).toMatchObject(brokenOff)
    server.clearRequests()
    expect(server.requests).toEqual([])
  })

  test('forgets an upload that a test aborts from outside', async () => {
    const { s3, close } = await openProbe(() =>
      Promise.resolve({ ...server, close: () => Promise.resolve() }),
    )
    const upload = await beginMultipart(s3)
    await upload.part(1, Buffer.alloc(PART))
    expect(server.multipartUploads(s3.bucket)).toMatchObject([{ uploadId: upload.target.UploadId }])
    server.abortMultipartUpload(s3.bucket, upload.target.Key)
    expect(await refusalOf(upload.listed())).toEqual({ code: 'NoSuchUpload', status: 404 })
    await close()
  })

  test.each([
    ['noSuchKeyForListParts', { code: 'NoSuchKey', status: 404 }],
    ['listPartsAfterComplete', { code: '(accepted)', status: 200 }],
  ])('behaves like another server if it is told to: %s', async (quirk, expected) => {
    const { s3, close } = await openProbe(() => startS3Server({ quirks: { [quirk]: true } }))
    const upload = await beginMultipart(s3)
    await upload.complete([await upload.part(1, Buffer.from('x'))])
    expect(await refusalOf(upload.listed())).toEqual(expected)
    await close()
  })

  test('answers Complete with an empty ETag if it is told to, and HEAD with the right one', async () => {
    const { s3, close } = await openProbe(() => startS3Server({ quirks: { emptyCompleteEtag: true } }))
    const upload = await beginMultipart(s3)
    expect(await upload.complete([await upload.part(1, Buffer.from('x'))])).toBe('')
    const { Bucket, Key } = upload.target
    expect((await s3.client.send(new HeadObjectCommand({ Bucket, Key }))).ETag).toMatch(/^"[0-9a-f]{32}-1"$/)
    await close()
  })

  test('wants every part named by Complete if it is told to', async () => {
    const { s3, close } = await openProbe(() => startS3Server({ quirks: { everyPartNamed: true } }))
    const upload = await beginMultipart(s3)
    const part = await upload.part(1, Buffer.from('x'))
    await upload.part(2, Buffer.alloc(0))
    expect(await refusalOf(upload.complete([part]))).toEqual({ code: 'InvalidPart', status: 400 })
    await close()
  })

  test('takes smaller parts if it is told to', async () => {
    const { s3, close } = await openProbe(() => startS3Server({ minPartSizeBytes: 2 }))
    const upload = await beginMultipart(s3)
    await upload.complete([await upload.part(1, Buffer.from('ab')), await upload.part(2, Buffer.from('c'))])
    expect((await s3.read(upload.target.Key)).toString()).toBe('abc')
    await close()
  })
})
