import { createHash } from 'node:crypto'
import type { CallOptions } from '../../../core/upload-store.ts'
import { type Payload, payloadOf } from '../../buffers/payload.ts'
import type { S3Bucket } from './bucket.ts'
import { type RunningChecksum, checksumOf } from './checksum.ts'
import { required } from './errors.ts'
import type { MultipartUpload, StoredPart } from './multipart-calls.ts'

export interface PutOptions extends CallOptions {
  readonly contentType?: string | undefined
  /** User metadata: ASCII only. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** What ran while the payload arrived, if anything did. */
  readonly running?: RunningChecksum | undefined
}

/** Replaces or creates an object. */
export async function putObject(
  bucket: S3Bucket,
  key: string,
  body: Payload | Buffer | string,
  { contentType = 'application/octet-stream', metadata = {}, running, signal }: PutOptions = {},
): Promise<void> {
  const payload = typeof body === 'string' || Buffer.isBuffer(body) ? payloadOf(body) : body
  const headers = {
    ...creationHeaders(bucket),
    'content-type': contentType,
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
  }
  await bucket.checksums.tryWith(async (algorithm) => {
    const checksum = await checksumOf(algorithm, payload, running)
    await bucket.put('PutObject', { key, headers, payload, checksum }, { signal })
  })
}

export interface NumberedPart {
  readonly partNumber: number
  readonly payload: Payload
  readonly running?: RunningChecksum | undefined
  /** Whether to send the digest that every store knows, where the multipart upload has no checksums. */
  readonly withMd5?: boolean
}

/** Stores one part; sending a number again replaces what was there. */
export async function uploadPart(
  bucket: S3Bucket,
  { key, uploadId, checksumAlgorithm }: MultipartUpload,
  { partNumber, payload, running, withMd5 = false }: NumberedPart,
  options: CallOptions = {},
): Promise<StoredPart> {
  const checksum = await checksumOf(checksumAlgorithm, payload, running)
  const query = { partNumber: String(partNumber), uploadId }
  const md5 = withMd5 ? { 'content-md5': await md5Of(payload) } : {}
  const request = { key, query, payload, checksum, headers: md5 }
  const { headers } = await bucket.put('UploadPart', request, options)
  const etag = headers['etag']
  return {
    partNumber,
    sizeBytes: payload.sizeBytes,
    etag: required(typeof etag === 'string' ? etag : undefined, 'ETag'),
    checksum: checksum?.value,
  }
}

async function md5Of(payload: Payload): Promise<string> {
  const hash = createHash('md5')
  for await (const chunk of payload.chunks()) hash.update(chunk)
  return hash.digest('base64')
}

function creationHeaders({ creationHeaders: set }: S3Bucket): Record<string, string> {
  return {
    ...(set.ACL !== undefined && { 'x-amz-acl': set.ACL }),
    ...(set.ServerSideEncryption !== undefined && {
      'x-amz-server-side-encryption': set.ServerSideEncryption,
    }),
    ...(set.SSEKMSKeyId !== undefined && {
      'x-amz-server-side-encryption-aws-kms-key-id': set.SSEKMSKeyId,
    }),
  }
}
