import { CopyObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { type Checks, type Probe, refusalOf } from './s3-probe-context.ts'

/** CopySource as S3 wants it: percent-encoded, slashes kept. */
function source(bucket: string, key: string): string {
  return `${bucket}/${encodeURIComponent(key).replaceAll('%2F', '/')}`
}

async function putDescribed({ client, bucket, key }: Probe): Promise<string> {
  const Key = `${key()}/ä+b c`
  const Metadata = { old: 'yes' }
  await client.send(
    new PutObjectCommand({ Bucket: bucket, Key, Body: 'content', Metadata, ContentType: 'text/old' }),
  )
  return Key
}

export const COPY_CHECKS = {
  'CopyObject takes an object with its metadata into another bucket': async (s3) => {
    const [from, Key, Bucket] = [await putDescribed(s3), s3.key(), s3.otherBucket]
    const CopySource = source(s3.bucket, from)
    await s3.client.send(new CopyObjectCommand({ Bucket, Key, CopySource, ContentType: 'text/ignored' }))
    const { Body, ...got } = await s3.client.send(new GetObjectCommand({ Bucket, Key }))
    expect(await Body?.transformToString()).toBe('content')
    expect(got).toMatchObject({ ContentType: 'text/old', Metadata: { old: 'yes' } })
  },
  'CopyObject with REPLACE gives the copy the metadata of the request': async (s3) => {
    const [from, Bucket] = [await putDescribed(s3), s3.bucket]
    const replaced = {
      MetadataDirective: 'REPLACE',
      ContentType: 'text/new',
      Metadata: { new: 'yes' },
    } as const
    const CopySource = source(Bucket, from)
    await s3.client.send(new CopyObjectCommand({ Bucket, Key: from, CopySource, ...replaced }))
    const head = await s3.client.send(new HeadObjectCommand({ Bucket, Key: from }))
    expect(head.ContentType).toBe('text/new')
    expect(head.Metadata).toEqual({ new: 'yes' })
  },
  'CopyObject onto itself that changes nothing is refused': async (s3) => {
    const [Key, Bucket] = [await putDescribed(s3), s3.bucket]
    const copy = new CopyObjectCommand({ Bucket, Key, CopySource: source(Bucket, Key) })
    expect(await refusalOf(s3.client.send(copy))).toEqual({ code: 'InvalidRequest', status: 400 })
  },
  'CopyObject of what is not there is NoSuchKey': async ({ client, bucket, key }) => {
    const copy = new CopyObjectCommand({ Bucket: bucket, Key: key(), CopySource: source(bucket, key()) })
    expect(await refusalOf(client.send(copy))).toEqual({ code: 'NoSuchKey', status: 404 })
  },
  'CopyObject copies only the ETag that it was told to': async (s3) => {
    const [from, Bucket] = [await putDescribed(s3), s3.bucket]
    const condition = { CopySource: source(Bucket, from), CopySourceIfMatch: '"other"' }
    const copy = new CopyObjectCommand({ Bucket, Key: s3.key(), ...condition })
    expect(await refusalOf(s3.client.send(copy))).toEqual({ code: 'PreconditionFailed', status: 412 })
  },
} satisfies Checks
