import { createHash } from 'node:crypto'

/** An object, as the server keeps it: in memory. */
export interface StoredObject {
  body: Buffer
  etag: string
  modifiedAt: Date
  contentType: string | undefined
  /** content-disposition, cache-control, x-amz-meta-*, x-amz-acl, encryption …, as they were sent. */
  headers: Record<string, string>
  tags: string | undefined
}

export interface StoredPart {
  readonly partNumber: number
  readonly body: Buffer
  readonly etag: string
  readonly modifiedAt: Date
}

export interface MultipartUpload {
  readonly uploadId: string
  readonly key: string
  readonly initiatedAt: Date
  readonly headers: Record<string, string>
  readonly contentType: string | undefined
  readonly tags: string | undefined
  readonly parts: Map<number, StoredPart>
  /** Part numbers in the order of their arrival: lets a fault show an older listing. */
  readonly arrivals: number[]
  isCompleted: boolean
}

export interface Bucket {
  readonly name: string
  readonly createdAt: Date
  readonly objects: Map<string, StoredObject>
  readonly uploads: Map<string, MultipartUpload>
}

export function createBucket(name: string): Bucket {
  return { name, createdAt: new Date(), objects: new Map(), uploads: new Map() }
}

export function md5(data: Buffer | string): Buffer {
  return createHash('md5').update(data).digest()
}

/** The ETag of an object that was sent in one piece. */
export function etagOf(body: Buffer): string {
  return `"${md5(body).toString('hex')}"`
}

/** The ETag of an object made of parts: the MD5 of their MD5s and how many they are. */
export function multipartEtag(parts: readonly StoredPart[]): string {
  const digests = parts.map(({ etag }) => Buffer.from(etag.replaceAll('"', ''), 'hex'))
  return `"${md5(Buffer.concat(digests)).toString('hex')}-${parts.length}"`
}
