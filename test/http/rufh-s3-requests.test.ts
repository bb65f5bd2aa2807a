import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createUploadId } from '../../src/core/upload-id.ts'
import { type RufhBackend, openS3 } from '../support/rufh-backends.ts'
import { RufhClient, pathOf } from '../support/rufh-client.ts'
import type { S3TestServer } from '../support/s3-test-server/server.ts'
import { OCTET_STREAM, sendRequest, startTusServer } from '../support/tus-test-server.ts'

const MIB = 1024 ** 2

/** What an upload costs in S3: no more by the IETF protocol than by tus, which test/contract/s3-requests.test.ts counts. */
describe('requests to S3', () => {
  let backend: RufhBackend & { readonly s3: S3TestServer }
  let client: RufhClient

  beforeEach(async () => {
    backend = await openS3()
    client = new RufhClient({ port: backend.app.port })
    // Whatever the location is asked when it is opened is none of an upload.
    await client.create(true, 'first')
    backend.s3.clearRequests()
  })

  afterEach(() => backend.close())

  function operations(): string[] {
    return backend.s3.requests.map(({ operation }) => operation).toSorted((a, b) => a.localeCompare(b))
  }

  async function tus(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: Buffer,
  ): Promise<string> {
    const all = { 'Tus-Resumable': '1.0.0', 'Content-Type': OCTET_STREAM, ...headers }
    const answer = await sendRequest({ port: backend.app.port, method, path, headers: all }, body)
    return answer.headers.location === undefined ? path : pathOf(answer)
  }

  test('R-16: a small file, sent in one request, is one PutObject', async () => {
    await client.create(true, 'hello')
    expect(operations()).toEqual(['PutObject'])
  })

  test('one that is sent to a URL that was asked for before costs its record again, and its multipart upload', async () => {
    const path = await client.begin('', { 'Upload-Length': '5' })
    backend.s3.clearRequests()
    expect((await client.append(path, { at: 0, isLast: true, body: 'hello' })).status).toBe(201)
    // The record, which says by now that the length is final, and the end of the multipart upload.
    expect(operations()).toEqual(['CompleteMultipartUpload', 'HeadObject', 'PutObject', 'UploadPart'])
  })

  test.each([17 * MIB, 40 * MIB])('%i bytes in one request cost what they cost by tus', async (sizeBytes) => {
    const body = Buffer.alloc(sizeBytes)
    expect((await client.create(true, body)).headers['upload-complete']).toBe('?1')
    const byIetf = operations()
    backend.s3.clearRequests()
    await tus('POST', '/files', { 'Upload-Length': String(sizeBytes) }, body)
    expect(byIetf).toEqual(operations())
  })

  test('a second piece costs what it costs by tus', async () => {
    const path = await client.begin(Buffer.alloc(MIB), { 'Upload-Length': String(20 * MIB) })
    backend.s3.clearRequests()
    await client.append(path, { at: MIB, isLast: false, body: Buffer.alloc(MIB) })
    const byIetf = operations()
    const other = await tus('POST', '/files', { 'Upload-Length': String(20 * MIB) }, Buffer.alloc(MIB))
    backend.s3.clearRequests()
    await tus('PATCH', other, { 'Upload-Offset': String(MIB) }, Buffer.alloc(MIB))
    expect(byIetf).toEqual(operations())
  })
})

test('CO-11: nothing is appended to an upload that is made of others', async () => {
  const server = await startTusServer()
  const id = createUploadId()
  await server.store.begin({
    id,
    lengthBytes: undefined,
    metadata: {},
    rawMetadata: undefined,
    createdAt: new Date(),
    concat: { kind: 'final', raw: 'final;/a', partialIds: [createUploadId()] },
  })
  const client = new RufhClient({ port: server.port })
  const answer = await client.append(`/files/${id}`, { at: 0, isLast: true, body: 'hello' })
  expect(answer.status).toBe(403)
  expect((await server.store.open(id)).upload).toMatchObject({ offsetBytes: 0, lengthBytes: undefined })
  await server.close()
})
