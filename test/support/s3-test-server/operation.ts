import type { IncomingMessage } from 'node:http'
import { S3Error } from './s3-error.ts'
import { type Target, parseTarget } from './target.ts'

/** What a request asks for. */
export interface Operation extends Target {
  /** As in the S3 API reference: PutObject, UploadPart … */
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
  readonly partNumber: number | undefined
  readonly uploadId: string
}

/** Finds out what a request asks for. @throws S3Error for what this server does not do */
export function parseOperation(request: IncomingMessage): Operation {
  const target = parseTarget(request)
  const headers = headersOf(request)
  const partNumber = target.query.get('partNumber')
  return {
    ...target,
    name: nameOf(request.method ?? 'GET', target, headers),
    headers,
    // Number('') is 0 and Number('x') NaN: both are refused as part numbers.
    partNumber: partNumber === null ? undefined : Number(partNumber),
    uploadId: target.query.get('uploadId') ?? '',
  }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(',')]),
  )
}

/** Query parameters that make another operation of a request. What is not in NAMES below is refused by its name. */
const SUBRESOURCES = new Set(
  (
    'accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle ' +
    'location logging metrics notification object-lock ownershipControls policy policyStatus publicAccessBlock ' +
    'replication requestPayment restore retention select tagging torrent uploadId uploads versionId versioning ' +
    'versions website'
  ).split(' '),
)

const NAMES: Readonly<Record<string, string>> = {
  'GET service': 'ListBuckets',
  'PUT bucket': 'CreateBucket',
  'HEAD bucket': 'HeadBucket',
  'DELETE bucket': 'DeleteBucket',
  'GET bucket?location': 'GetBucketLocation',
  'GET bucket?uploads': 'ListMultipartUploads',
  'GET bucket?list-type': 'ListObjectsV2',
  'POST bucket?delete': 'DeleteObjects',
  'GET object': 'GetObject',
  'HEAD object': 'HeadObject',
  'PUT object': 'PutObject',
  'PUT object copy': 'CopyObject',
  'DELETE object': 'DeleteObject',
  'GET object?tagging': 'GetObjectTagging',
  'POST object?uploads': 'CreateMultipartUpload',
  'PUT object?uploadId': 'UploadPart',
  'PUT object?uploadId copy': 'UploadPartCopy',
  'GET object?uploadId': 'ListParts',
  'POST object?uploadId': 'CompleteMultipartUpload',
  'DELETE object?uploadId': 'AbortMultipartUpload',
}

function nameOf(method: string, target: Target, headers: Readonly<Record<string, string>>): string {
  const { bucket, key, query } = target
  const subject = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object'
  const subresources = [...query.keys()].filter((name) => SUBRESOURCES.has(name)).map((name) => `?${name}`)
  if (query.get('list-type') === '2') subresources.push('?list-type')
  const copy = headers['x-amz-copy-source'] === undefined ? '' : ' copy'
  const asked = `${method} ${subject}${subresources.join('')}${copy}`
  const name = NAMES[asked]
  if (name === undefined) throw new S3Error('NotImplemented', `This test server does not do: ${asked}`)
  refuseUnknownParts(name, query)
  return name
}

/** GET ?partNumber would have to remember the parts of a finished object. */
function refuseUnknownParts(name: string, query: URLSearchParams): void {
  if ((name === 'GetObject' || name === 'HeadObject') && query.has('partNumber'))
    throw new S3Error('NotImplemented', `This test server does not do: ${name} with partNumber`)
}
