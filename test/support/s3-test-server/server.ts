import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeBody, readBody } from './body.ts'
import { type Fault, FaultPlan } from './faults.ts'
import { HANDLERS } from './handlers.ts'
import { type Operation, parseOperation } from './operation.ts'
import type { Quirks, Reply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { type Credentials, verifySignature } from './signature.ts'
import { type Bucket, type MultipartUpload, type StoredObject, createBucket } from './state.ts'
import { xmlDocument } from './xml.ts'

/**
 * An S3 server for tests, in memory, as strict as S3 itself: signatures, digests, part sizes and orders, conditions;
 * and as unreliable as a test wants it (faults.ts). The probe suite (test/contract/s3-probe.ts) holds it against a
 * real server.
 */
export interface S3ServerOptions {
  readonly port?: number
  readonly buckets?: readonly string[]
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly region?: string
  readonly minPartSizeBytes?: number
  readonly quirks?: Quirks
  /** Called for each request when it is answered. */
  readonly log?: (request: S3Request) => void
}

/** A request that was answered. */
export interface S3Request {
  readonly operation: string
  readonly bucket: string
  readonly key: string
  readonly partNumber: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly bytesReceived: number
  /** 0 if the connection was broken off instead. */
  readonly status: number
}

export interface S3TestServer extends Credentials {
  readonly endpoint: string
  /** Everything that was asked, in the order of the answers. */
  readonly requests: readonly S3Request[]
  clearRequests(): void
  objects(bucket: string): Map<string, StoredObject>
  /** Those that are open. */
  multipartUploads(bucket: string): MultipartUpload[]
  /** Aborts what is open for a key, as a lifecycle rule would. */
  abortMultipartUpload(bucket: string, key: string): void
  readonly faults: FaultPlan
  close(): Promise<void>
}

const MIN_PART_BYTES = 5 * 1024 ** 2

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3TestServer> {
  const credentials = {
    accessKeyId: options.accessKeyId ?? 'test-key',
    secretAccessKey: options.secretAccessKey ?? 'test-secret',
    region: options.region ?? 'us-east-1',
  }
  const buckets = new Map((options.buckets ?? []).map((name) => [name, createBucket(name)]))
  const context: Context = { options, credentials, buckets, faults: new FaultPlan(), requests: [] }
  const server = createServer((request, response) => void answer(context, request, response))
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...credentials,
    endpoint: `http://127.0.0.1:${port}`,
    requests: context.requests,
    clearRequests: () => void (context.requests.length = 0),
    objects: (name) => known(buckets, name).objects,
    multipartUploads: (name) =>
      [...known(buckets, name).uploads.values()].filter((upload) => !upload.isCompleted),
    abortMultipartUpload: (name, key) => {
      const { uploads } = known(buckets, name)
      for (const upload of uploads.values()) if (upload.key === key) uploads.delete(upload.uploadId)
    },
    faults: context.faults,
    close: async () => {
      context.faults.clear()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Context {
  readonly options: S3ServerOptions
  readonly credentials: Credentials
  readonly buckets: Map<string, Bucket>
  readonly faults: FaultPlan
  readonly requests: S3Request[]
}

function known(buckets: Map<string, Bucket>, name: string): Bucket {
  const bucket = buckets.get(name)
  if (bucket === undefined) throw new Error(`There is no bucket ${name}`)
  return bucket
}

async function answer(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parsed = tryParse(request)
  const struck = 'name' in parsed ? context.faults.strike(parsed) : undefined
  if (struck?.fault.kind === 'reset-before-body') return breakOff(context, request, parsed, 0)
  // Even a refused body is read to its end: a client that is still sending would see a broken pipe, not the answer.
  const raw = await readBody(request)
  if (raw === undefined) return
  if (struck?.fault.kind === 'stall') {
    await sleep(struck.fault.ms, undefined, { signal: struck.released }).catch(() => undefined)
    if (struck.fault.then === 'reset') return breakOff(context, request, parsed, raw.byteLength)
  }
  const outcome = outcomeOf(context, request, parsed, raw, struck?.fault)
  if (outcome === 'break-off') return breakOff(context, request, parsed, raw.byteLength)
  send(context, { request, response, parsed, reply: outcome, bytesReceived: raw.byteLength })
}

type Parsed = Operation | { readonly error: unknown }

function tryParse(request: IncomingMessage): Parsed {
  try {
    return parseOperation(request)
  } catch (error) {
    return { error }
  }
}

function outcomeOf(
  context: Context,
  request: IncomingMessage,
  parsed: Parsed,
  raw: Buffer,
  fault: Fault | undefined,
): Reply | 'break-off' {
  const apply = (): Reply => handle(context, request, parsed, raw, fault)
  switch (fault?.kind) {
    case 'status':
      return errorReply(fault.status, fault.code, 'Injected')
    case '200-with-error-body':
      return { ...errorReply(200, fault.code, 'Injected') }
    case 'reset-after-body':
      return 'break-off'
    case 'answer-lost':
      apply()
      return 'break-off'
    case 'apply-later':
      setTimeout(apply, fault.ms)
      return 'break-off'
    // What else there is has happened by now, or shows in the listing.
    case 'reset-before-body':
    case 'stall':
    case 'stale-listing':
    case undefined:
      return apply()
  }
}

function handle(
  { credentials, buckets, options }: Context,
  request: IncomingMessage,
  parsed: Parsed,
  raw: Buffer,
  fault: Fault | undefined,
): Reply {
  try {
    if (!('name' in parsed)) throw parsed.error
    const signed = verifySignature(request, credentials)
    requireContentLength(request, parsed)
    return (
      HANDLERS[parsed.name]?.({
        ...parsed,
        body: decodeBody(parsed.headers, raw, signed),
        buckets,
        minPartSizeBytes: options.minPartSizeBytes ?? MIN_PART_BYTES,
        quirks: options.quirks ?? {},
        writesAgo: fault?.kind === 'stale-listing' ? fault.writesAgo : 0,
      }) ?? errorReply(501, 'NotImplemented', parsed.name)
    )
  } catch (error) {
    if (error instanceof S3Error) return errorReply(error.status, error.code, error.message)
    return errorReply(500, 'InternalError', String(error))
  }
}

function requireContentLength({ method, headers }: IncomingMessage, { headers: own }: Operation): void {
  const isStreamed = own['x-amz-decoded-content-length'] !== undefined
  if (method === 'PUT' && headers['content-length'] === undefined && !isStreamed)
    throw new S3Error('MissingContentLength')
}

function errorReply(status: number, code: string, message: string): Reply {
  if (status === 304) return { status }
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: xmlDocument('Error', { Code: code, Message: message }),
  }
}

interface Sending {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly parsed: Parsed
  readonly reply: Reply
  readonly bytesReceived: number
}

function send(context: Context, { request, response, parsed, reply, bytesReceived }: Sending): void {
  record(context, request, parsed, { status: reply.status, bytesReceived })
  const body = reply.body ?? ''
  response.writeHead(reply.status, { 'content-length': Buffer.byteLength(body), ...reply.headers })
  // HeadObject's errors have no body, so clients never learn a code.
  response.end(request.method === 'HEAD' ? undefined : body)
}

function breakOff(context: Context, request: IncomingMessage, parsed: Parsed, bytesReceived: number): void {
  record(context, request, parsed, { status: 0, bytesReceived })
  request.socket.resetAndDestroy()
}

function record(
  { requests, options }: Context,
  request: IncomingMessage,
  parsed: Parsed,
  answered: Pick<S3Request, 'status' | 'bytesReceived'>,
): void {
  const {
    name: operation,
    bucket,
    key,
    partNumber,
    headers,
  } = 'name' in parsed
    ? parsed
    : { name: request.method ?? '', bucket: '', key: request.url ?? '', partNumber: undefined, headers: {} }
  const entry = { operation, bucket, key, partNumber, headers, ...answered }
  requests.push(entry)
  options.log?.(entry)
}
