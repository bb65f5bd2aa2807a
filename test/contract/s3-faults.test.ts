import { ListObjectsV2Command, ListPartsCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { faultyS3Targets } from '../support/faulty-s3.ts'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import { s3FaultSuite } from './s3-fault-suite.ts'
import { type Probe, openProbe, refusalOf } from './s3-probe-context.ts'
import { beginMultipart } from './s3-probe-multipart-steps.ts'
import { sendRaw } from './s3-raw-request.ts'

for (const target of faultyS3Targets()) s3FaultSuite(target)

describe('a fault that only the S3 test server can have', () => {
  let server: S3TestServer
  let s3: Probe
  let close: () => Promise<void>

  beforeEach(async () => {
    server = await startS3Server()
    ;({ s3, close } = await openProbe(() => Promise.resolve(server)))
  })

  afterEach(() => close())

  const put = async (Key: string, Body: string): Promise<void> => {
    await s3.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body }))
  }

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
    expect(server.objects(s3.bucket).get('a')?.body.toString()).toBe('x')
  })
})
