import { randomBytes } from 'node:crypto'
import {
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { type Checks, type Probe, refusalOf } from './s3-probe-context.ts'
import { beginMultipart } from './s3-probe-multipart-steps.ts'
import { exchange, presign, sendRaw } from './s3-raw-request.ts'

const HOUR_MS = 3600_000

/** A client with other credentials than the right ones. */
function stranger({ access }: Probe, other: { accessKeyId?: string; secretAccessKey?: string }): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = access
  const credentials = { accessKeyId, secretAccessKey, ...other }
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 })
}

export const SIGNATURE_CHECKS = {
  'a request that was signed with another secret is SignatureDoesNotMatch': async (s3) => {
    const put = new PutObjectCommand({ Bucket: s3.bucket, Key: s3.key(), Body: 'x' })
    const client = stranger(s3, { secretAccessKey: 'wrong' })
    expect(await refusalOf(client.send(put))).toEqual({ code: 'SignatureDoesNotMatch', status: 403 })
  },
  'a part that was signed with another secret is refused after all of it was sent, and not kept': async (
    s3,
  ) => {
    const upload = await beginMultipart(s3)
    const part = { ...upload.target, PartNumber: 1, Body: randomBytes(5 * 1024 ** 2) }
    const client = stranger(s3, { secretAccessKey: 'wrong' })
    const refusal = await refusalOf(client.send(new UploadPartCommand(part)))
    expect(refusal).toEqual({ code: 'SignatureDoesNotMatch', status: 403 })
    const { Parts = [] } = await s3.client.send(new ListPartsCommand(upload.target))
    expect(Parts).toEqual([])
  },
  'an access key that nobody has is InvalidAccessKeyId': async (s3) => {
    const get = new GetObjectCommand({ Bucket: s3.bucket, Key: s3.key() })
    const client = stranger(s3, { accessKeyId: 'nobody' })
    expect(await refusalOf(client.send(get))).toEqual({ code: 'InvalidAccessKeyId', status: 403 })
  },
  'a request without a signature is 403 AccessDenied': async (s3) => {
    const key = s3.key()
    await s3.put(key, 'x')
    const answer = await exchange(`${s3.access.endpoint}/${s3.bucket}/${key}`, 'GET')
    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' })
  },
  'a request from another hour is RequestTimeTooSkewed': async (s3) => {
    const raw = { method: 'GET', path: `/${s3.bucket}/${s3.key()}`, date: new Date(Date.now() - HOUR_MS) }
    expect(await sendRaw(s3.access, raw)).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' })
  },
  'an x-amz- header that was not signed is refused': async (s3) => {
    const raw = { method: 'PUT', path: `/${s3.bucket}/${s3.key()}`, body: Buffer.from('x') }
    const answer = await sendRaw(s3.access, { ...raw, unsignedHeaders: { 'x-amz-acl': 'public-read' } })
    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' })
  },
  'a query is signed in the order of its names, of which one may be the beginning of another': async (s3) => {
    const { target } = await beginMultipart(s3)
    const query = { uploadId: target.UploadId, 'max-parts': '1', max: '2' }
    const raw = { method: 'GET', path: `/${s3.bucket}/${target.Key}`, query }
    expect((await sendRaw(s3.access, raw)).status).toBe(200)
  },
  'a presigned URL reads and writes without credentials': async (s3) => {
    const path = `/${s3.bucket}/${s3.key()}`
    const put = await exchange(presign(s3.access, { method: 'PUT', path }, 60), 'PUT', {}, Buffer.from('x'))
    expect(put.status).toBe(200)
    const get = await exchange(presign(s3.access, { method: 'GET', path }, 60), 'GET')
    expect(get).toMatchObject({ status: 200, body: Buffer.from('x') })
  },
  'a presigned URL for another key or method is SignatureDoesNotMatch': async (s3) => {
    const [key, path] = [s3.key(), `/${s3.bucket}/${s3.key()}`]
    const url = presign(s3.access, { method: 'GET', path }, 60)
    const other = await exchange(url.replace(path, `/${s3.bucket}/${key}`), 'GET')
    expect(other).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    expect(await exchange(url, 'DELETE')).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
  },
  'a presigned URL that has expired is AccessDenied': async (s3) => {
    const date = new Date(Date.now() - HOUR_MS)
    const url = presign(s3.access, { method: 'GET', path: `/${s3.bucket}/${s3.key()}`, date }, 60)
    expect(await exchange(url, 'GET')).toMatchObject({ status: 403, code: 'AccessDenied' })
  },
  'a presigned URL for more than seven days is refused': async (s3) => {
    const url = presign(s3.access, { method: 'GET', path: `/${s3.bucket}/${s3.key()}` }, 8 * 24 * 3600)
    expect(await exchange(url, 'GET')).toMatchObject({
      status: 400,
      code: 'AuthorizationQueryParametersError',
    })
  },
} satisfies Checks
