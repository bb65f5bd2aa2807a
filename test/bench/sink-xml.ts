import type { SinkMultipart, SinkObject } from './sink-store.ts'

/** Nothing looks at it beyond comparing what it was given with what it gives back. */
export const ETAG = '"00000000000000000000000000000000"'

const LAST_MODIFIED = '2026-01-01T00:00:00.000Z'
const PAGE_PARTS = 1000

export function errorXml(code: string): string {
  return document('Error', `<Code>${code}</Code><Message>${code}</Message>`)
}

export function createdXml(bucket: string, key: string, uploadId: string): string {
  return document(
    'InitiateMultipartUploadResult',
    `<Bucket>${escape(bucket)}</Bucket><Key>${escape(key)}</Key><UploadId>${uploadId}</UploadId>`,
  )
}

export function completedXml(bucket: string, key: string): string {
  return document(
    'CompleteMultipartUploadResult',
    `<Bucket>${escape(bucket)}</Bucket><Key>${escape(key)}</Key><ETag>${ETAG}</ETag>`,
  )
}

export function copiedXml(root: string): string {
  return document(root, `<ETag>${ETAG}</ETag><LastModified>${LAST_MODIFIED}</LastModified>`)
}

/** One page, after the part number `marker`. */
export function partsXml({ key, partSizes }: SinkMultipart, marker: number, maxParts = PAGE_PARTS): string {
  const numbers = [...partSizes.keys()].filter((number) => number > marker).sort((a, b) => a - b)
  const page = numbers.slice(0, Math.min(maxParts, PAGE_PARTS))
  const parts = page.map(
    (number) =>
      `<Part><PartNumber>${number}</PartNumber><LastModified>${LAST_MODIFIED}</LastModified><ETag>${ETAG}</ETag><Size>${partSizes.get(number) ?? 0}</Size></Part>`,
  )
  return document(
    'ListPartsResult',
    `<Key>${escape(key)}</Key><PartNumberMarker>${marker}</PartNumberMarker>` +
      `<NextPartNumberMarker>${page.at(-1) ?? 0}</NextPartNumberMarker><MaxParts>${PAGE_PARTS}</MaxParts>` +
      `<IsTruncated>${page.length < numbers.length}</IsTruncated>${parts.join('')}`,
  )
}

export function objectsXml(bucket: string, objects: ReadonlyMap<string, SinkObject>, prefix: string): string {
  const contents = [...objects]
    .filter(([key]) => key.startsWith(prefix))
    .map(
      ([key, { sizeBytes }]) =>
        `<Contents><Key>${escape(key)}</Key><LastModified>${LAST_MODIFIED}</LastModified><ETag>${ETAG}</ETag><Size>${sizeBytes}</Size></Contents>`,
    )
  return document(
    'ListBucketResult',
    `<Name>${escape(bucket)}</Name><KeyCount>${contents.length}</KeyCount><IsTruncated>false</IsTruncated>${contents.join('')}`,
  )
}

export function deletedXml(keys: readonly string[]): string {
  return document('DeleteResult', keys.map((key) => `<Deleted><Key>${escape(key)}</Key></Deleted>`).join(''))
}

export function multipartsXml(bucket: string): string {
  return document(
    'ListMultipartUploadsResult',
    `<Bucket>${escape(bucket)}</Bucket><IsTruncated>false</IsTruncated>`,
  )
}

function document(root: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
