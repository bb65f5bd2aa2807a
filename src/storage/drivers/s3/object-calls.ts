import type { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import type { ByteRange } from '../../../core/driver.ts'
import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'

export interface ObjectHead {
  readonly sizeBytes: number
  readonly modifiedAt: Date
  readonly etag: string
  readonly contentType: string | undefined
  readonly metadata: Readonly<Record<string, string>>
}

export interface FetchedObject extends ObjectHead {
  readonly body: Buffer
}

/** The object's bytes as they arrive. @throws TuskerError ERR_OBJECT_NOT_FOUND, ERR_RANGE_NOT_SATISFIABLE */
export async function readObject(
  bucket: S3Bucket,
  key: string,
  { range, signal }: CallOptions & { readonly range?: ByteRange | undefined } = {},
): Promise<Readable> {
  const { Body } = await getObject(bucket, key, { range, signal })
  // In Node the SDK's body is the IncomingMessage itself; its type names the browser's kinds too.
  return Body as Readable
}

/** A small object, whole. @throws TuskerError ERR_OBJECT_NOT_FOUND */
export async function fetchObject(
  bucket: S3Bucket,
  key: string,
  { signal }: CallOptions = {},
): Promise<FetchedObject> {
  const fetched = await bucket.call(
    'GetObject',
    key,
    async (client, options) => {
      const output = await client.send(getObjectCommand(bucket, key), options)
      return { ...headOf(output), body: Buffer.from((await output.Body?.transformToByteArray()) ?? []) }
    },
    { signal },
  )
  if (fetched.body.byteLength !== fetched.sizeBytes) {
    throw new TuskerError('ERR_STORAGE_UNAVAILABLE', { details: { key, reason: 'the answer was cut short' } })
  }
  return fetched
}

/**
 * Passes the bytes of a range on as they arrive, all within the deadline of the call.
 * @throws TuskerError ERR_OBJECT_NOT_FOUND; ERR_STORAGE_UNAVAILABLE if it breaks off: some bytes were passed on then
 */
export async function fetchRange(
  bucket: S3Bucket,
  key: string,
  range: ByteRange,
  take: (chunk: Uint8Array) => Promise<void>,
  { signal }: CallOptions = {},
): Promise<void> {
  await bucket.call(
    'GetObject',
    key,
    async (client, options) => {
      const { Body } = await client.send(getObjectCommand(bucket, key, range), options)
      for await (const chunk of Body as Readable) await take(chunk as Uint8Array)
    },
    { signal },
  )
}

async function getObject(
  bucket: S3Bucket,
  key: string,
  { range, signal }: CallOptions & { readonly range?: ByteRange | undefined },
): Promise<GetObjectCommandOutput> {
  const command = getObjectCommand(bucket, key, range)
  return await bucket.call('GetObject', key, (client, options) => client.send(command, options), { signal })
}

function getObjectCommand(bucket: S3Bucket, key: string, range?: ByteRange): GetObjectCommand {
  return new GetObjectCommand({
    Bucket: bucket.name,
    Key: bucket.fullKey(key),
    ...(range && { Range: `bytes=${range.start}-${range.end ?? ''}` }),
  })
}

/** @throws TuskerError ERR_OBJECT_NOT_FOUND */
export async function headObject(
  bucket: S3Bucket,
  key: string,
  options: CallOptions = {},
): Promise<ObjectHead> {
  const command = new HeadObjectCommand({ Bucket: bucket.name, Key: bucket.fullKey(key) })
  return headOf(await bucket.call('HeadObject', key, (client, call) => client.send(command, call), options))
}

/** Undefined if the store says that it is not there. */
export async function findObject(
  bucket: S3Bucket,
  key: string,
  options: CallOptions = {},
): Promise<ObjectHead | undefined> {
  try {
    return await headObject(bucket, key, options)
  } catch (error) {
    if (isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) return undefined
    throw error
  }
}

function headOf(output: HeadObjectCommandOutput | GetObjectCommandOutput): ObjectHead {
  // A size that is not known must not pass for an empty object: offsets are computed from it.
  if (output.ContentLength === undefined) {
    throw new TuskerError('ERR_STORAGE_UNAVAILABLE', {
      details: { reason: 'an answer without Content-Length' },
    })
  }
  return {
    sizeBytes: output.ContentLength,
    modifiedAt: output.LastModified ?? new Date(0),
    etag: output.ETag ?? '""',
    contentType: output.ContentType,
    metadata: output.Metadata ?? {},
  }
}

/** Deleting what is not there is fine, as S3 itself has it. */
export async function deleteObject(bucket: S3Bucket, key: string, options: CallOptions = {}): Promise<void> {
  const command = new DeleteObjectCommand({ Bucket: bucket.name, Key: bucket.fullKey(key) })
  await bucket.call('DeleteObject', key, (client, call) => client.send(command, call), options)
}

export interface ListedObject {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedAt: Date
}

/** Every object whose key starts with `prefix`, a page of at most 1,000 at a time. */
export async function* listObjects(
  bucket: S3Bucket,
  prefix: string,
  options: CallOptions = {},
): AsyncIterable<ListedObject> {
  let continuationToken: string | undefined
  do {
    const command = new ListObjectsV2Command({
      Bucket: bucket.name,
      Prefix: bucket.fullKey(prefix),
      ...(continuationToken !== undefined && { ContinuationToken: continuationToken }),
    })
    const page = await bucket.call(
      'ListObjectsV2',
      prefix,
      (client, call) => client.send(command, call),
      options,
    )
    for (const { Key = '', Size = 0, LastModified = new Date(0) } of page.Contents ?? []) {
      yield { key: bucket.relativeKey(Key), sizeBytes: Size, modifiedAt: LastModified }
    }
    continuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (continuationToken !== undefined)
}

/** Proves that the bucket can be reached with these credentials. */
export async function headBucket(bucket: S3Bucket, options: CallOptions = {}): Promise<void> {
  const command = new HeadBucketCommand({ Bucket: bucket.name })
  await bucket.call('HeadBucket', '', (client, call) => client.send(command, call), options)
}
