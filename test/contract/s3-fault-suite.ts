import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FaultyS3, FaultyS3Target } from '../support/faulty-s3.ts'
import type { Fault } from '../support/s3-test-server/faults.ts'
import { type Probe, openProbe, refusalOf } from './s3-probe-context.ts'
import { beginMultipart } from './s3-probe-multipart-steps.ts'

/** That each fault is what it says: what is done, and what the client sees of it. */
export function s3FaultSuite(target: FaultyS3Target): void {
  describe(`a fault of ${target.name}`, () => {
    let faulty: FaultyS3
    let s3: Probe
    let close: () => Promise<void>

    beforeEach(async () => {
      faulty = await target.open()
      ;({ s3, close } = await openProbe(() =>
        Promise.resolve({ ...faulty.access, close: () => faulty.close() }),
      ))
    })

    afterEach(async () => {
      await faulty.calm()
      await close()
    })

    const put = async (Key: string, Body: string): Promise<void> => {
      await s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body }))
    }
    const object = async (key: string): Promise<string | undefined> =>
      (await faulty.object(s3.bucket, key))?.body.toString()
    const failPut = (fault: Fault) => faulty.inject({ operation: 'PutObject', fault })

    test('status: answers an error and does nothing, once', async () => {
      const fault = failPut({ kind: 'status', status: 503, code: 'SlowDown' })
      expect(await refusalOf(put('a', 'x'))).toEqual({ code: 'SlowDown', status: 503 })
      expect(await object('a')).toBeUndefined()
      await put('a', 'x')
      expect(await object('a')).toBe('x')
      expect(fault.hits).toBe(1)
    })

    test('strikes only the operation, key and part that it is for, after those that it lets through', async () => {
      const upload = await beginMultipart(s3)
      const fault = faulty.inject({
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
      faulty.inject({ operation: 'CompleteMultipartUpload', fault })
      expect((await refusalOf(upload.complete([part]))).code).toBe('InternalError')
      expect(faulty.requests.at(-1)).toMatchObject({ operation: 'CompleteMultipartUpload', status: 200 })
      expect(await upload.listed()).toEqual(['1:1'])
    })

    test.each(['reset-before-body', 'reset-after-body'] as const)(
      '%s: the connection is reset and nothing is done',
      async (kind) => {
        failPut({ kind })
        await expect(put('a', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' })
        expect(await object('a')).toBeUndefined()
        const bytesReceived = kind === 'reset-before-body' ? 0 : 1
        expect(faulty.requests.at(-1)).toMatchObject({ operation: 'PutObject', status: 0, bytesReceived })
      },
    )

    test('answer-lost: the connection is reset, but it is done', async () => {
      failPut({ kind: 'answer-lost' })
      await expect(put('a', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(await object('a')).toBe('x')
    })

    test('apply-later: the connection is reset, and it is done after something newer was', async () => {
      const fault = failPut({ kind: 'apply-later', ms: 60_000 })
      await expect(put('a', 'old')).rejects.toMatchObject({ code: 'ECONNRESET' })
      await put('a', 'new')
      expect(await object('a')).toBe('new')
      fault.release()
      await expect.poll(() => object('a')).toBe('old')
    })

    test('apply-later: it is done when its time has come, whoever waits', async () => {
      failPut({ kind: 'apply-later', ms: 20 })
      await expect(put('a', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' })
      await expect.poll(() => object('a')).toBe('x')
    })

    test('stall: nothing happens until the test lets it go on', async () => {
      const fault = failPut({ kind: 'stall', ms: 60_000 })
      const stalled = put('a', 'x')
      await expect.poll(() => fault.hits).toBe(1)
      await sleep(20)
      expect(await object('a')).toBeUndefined()
      fault.release()
      await stalled
      expect(await object('a')).toBe('x')
    })

    test('stall, then reset: nothing is done', async () => {
      failPut({ kind: 'stall', ms: 20, afterwards: 'reset' })
      await expect(put('a', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(await object('a')).toBeUndefined()
    })

    test('slow: a body takes its time, in both directions', async () => {
      const data = randomBytes(20_000)
      const fault = { kind: 'slow', bytesPerSecond: 100_000 } as const
      faulty.inject({ operation: ['PutObject', 'GetObject'], times: 2, fault })
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
      faulty.inject({ operation: 'GetObject', fault })
      const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key: 'cut' }))
      await expect(Body?.transformToByteArray()).rejects.toThrow('aborted')
    })

    test('truncated-answer: a listing breaks off, and is not taken for a short one', async () => {
      await put('a', 'x')
      faulty.inject({ fault: { kind: 'truncated-answer', afterBytes: 100 } })
      const list = new ListObjectsV2Command({ Bucket: s3.bucket })
      await expect(s3.client.send(list)).rejects.toThrow('aborted')
    })

    test('calm: nothing fails any more, and what stalls goes on', async () => {
      const fault = failPut({ kind: 'stall', ms: 60_000 })
      const stalled = put('a', 'x')
      await expect.poll(() => fault.hits).toBe(1)
      failPut({ kind: 'status', status: 500, code: 'InternalError' })
      await faulty.calm()
      await stalled
      await put('a', 'y')
      expect(await object('a')).toBe('y')
    })
  })
}
