import { verifyBody } from './body.ts'
import { checksumHeaders, refuseChecksums, withoutChecksums } from './checksums.ts'
import { errorReply } from './error-reply.ts'
import type { Fault } from './faults.ts'
import { HANDLERS } from './handlers.ts'
import type { Operation } from './operation.ts'
import type { Call, ListingFaults, Reply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { type Credentials, verifySignature } from './signature.ts'

/** What requests are done with. */
export interface Executor extends Pick<Call, 'buckets' | 'minPartSizeBytes' | 'quirks'> {
  readonly credentials: Credentials
}

/** What a request wants, or why that can't be. */
export type Asked = { readonly method: string } & (
  | { readonly operation: Operation; readonly refusal: undefined }
  | { readonly operation: undefined; readonly refusal: S3Error }
)

/** Checks a request as S3 does, and does it. Never throws. */
export function execute(executor: Executor, asked: Asked, raw: Buffer, fault: Fault | undefined): Reply {
  try {
    if (asked.operation === undefined) throw asked.refusal
    return handle(executor, asked.method, asked.operation, raw, fault)
  } catch (error) {
    if (error instanceof S3Error) return errorReply(error.status, error.code, error.message)
    return errorReply(500, 'InternalError', String(error))
  }
}

function handle(
  { credentials, ...rest }: Executor,
  method: string,
  asked: Operation,
  raw: Buffer,
  fault: Fault | undefined,
): Reply {
  const signed = verifySignature(method, asked, credentials, nowMs(fault))
  const { checksums: knowsChecksums } = rest.quirks
  if (knowsChecksums === 'refuse') refuseChecksums(asked.headers)
  const operation = knowsChecksums === 'ignore' ? withoutChecksums(asked) : asked
  requireContentLength(operation)
  const { data, trailers } = verifyBody(operation.headers, raw, signed)
  const handler = HANDLERS[operation.name]
  if (handler === undefined) throw new S3Error('NotImplemented', operation.name)
  return handler({
    ...operation,
    ...rest,
    listingFaults: listingFaults(fault),
    region: credentials.region,
    body: data,
    checksums: checksumHeaders({ ...operation.headers, ...trailers }),
  })
}

function requireContentLength({ name, headers }: Operation): void {
  const hasBody = name === 'PutObject' || name === 'UploadPart'
  const length = headers['content-length'] ?? headers['x-amz-decoded-content-length']
  if (hasBody && length === undefined)
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header')
}

function nowMs(fault: Fault | undefined): number {
  return Date.now() + (fault?.kind === 'clock-skew' ? fault.aheadMs : 0)
}

function listingFaults(fault: Fault | undefined): ListingFaults {
  return {
    writesAgo: fault?.kind === 'stale-listing' ? fault.writesAgo : 0,
    maxEntries: fault?.kind === 'short-listing' ? fault.maxEntries : Number.POSITIVE_INFINITY,
  }
}
