import { once } from 'node:events'
import { createConnection } from 'node:net'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import { openProbe, refusalOf } from './s3-probe-context.ts'
import { PART, beginMultipart } from './s3-probe-multipart-steps.ts'
import { exchange, presign, sendRaw, signHeaders } from './s3-raw-request.ts'

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
