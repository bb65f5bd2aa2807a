import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { readBody } from './body.ts'
import { type Fault, type FaultPlan, type Struck } from './faults.ts'
import type { Asked } from './execute.ts'
import { type Operation, parseOperation } from './operation.ts'
import type { Reply } from './reply.ts'
import { S3Error } from './s3-error.ts'
import { sendBody } from './send-body.ts'
import { errorReply } from './error-reply.ts'

/** A request that was answered. */
export interface S3Request {
  /** As in the S3 API reference: PutObject, UploadPart …; the HTTP method if it is none that this server knows. */
  readonly operation: string
  readonly bucket: string
  readonly key: string
  readonly partNumber: number | undefined
  readonly uploadId: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly bytesReceived: number
  /** 0 if the connection was broken off instead, by either side. */
  readonly status: number
}

/** A request that has arrived whole. */
export interface Received {
  readonly request: IncomingMessage
  readonly asked: Asked
  readonly raw: Buffer
  readonly fault: Fault | undefined
}

/** What faults happen in front of. */
export interface Context {
  /** Does what is asked, or passes it on to a server that does. Never rejects. */
  readonly perform: (received: Received) => Reply | Promise<Reply>
  readonly faults: FaultPlan
  readonly requests: S3Request[]
  readonly log: ((request: S3Request) => void) | undefined
  readonly arrived: ((operation: Operation) => void) | undefined
}

interface Exchange {
  readonly context: Context
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly asked: Asked
  readonly struck: Struck | undefined
}

/** Reads a request, does it or lets it fail as a test has asked for, and answers. */
export async function answer(
  context: Context,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asked = parse(request)
  if (asked.operation) context.arrived?.(asked.operation)
  const struck = asked.operation && context.faults.strike(asked.operation)
  const exchange = { context, request, response, asked, struck }
  const fault = struck?.fault
  if (fault?.kind === 'reset-before-body') return breakOff(exchange, 0)
  // Even a refused body is read to its end: a client that is still sending would see a broken pipe, not the answer.
  const { raw, isWhole } = await readBody(request, rateOf(fault))
  if (!isWhole) return record(exchange, 0, raw.byteLength)
  if (fault?.kind === 'stall') {
    await stall(fault.ms, struck?.released)
    if (fault.afterwards === 'reset') return breakOff(exchange, raw.byteLength)
  }
  const reply = await outcome(exchange, raw)
  if (reply === 'break-off') return breakOff(exchange, raw.byteLength)
  record(exchange, reply.status, raw.byteLength)
  await send(exchange, reply)
}

function parse(request: IncomingMessage): Asked {
  const method = request.method ?? 'GET'
  try {
    return { method, operation: parseOperation(request), refusal: undefined }
  } catch (error) {
    const refusal = error instanceof S3Error ? error : new S3Error('InternalError', String(error))
    return { method, operation: undefined, refusal }
  }
}

function rateOf(fault: Fault | undefined): number {
  return fault?.kind === 'slow' ? fault.bytesPerSecond : Number.POSITIVE_INFINITY
}

async function stall(ms: number, released: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, released && { signal: released }).catch(() => undefined)
}

async function outcome(
  { context, request, asked, struck }: Exchange,
  raw: Buffer,
): Promise<Reply | 'break-off'> {
  const fault = struck?.fault
  const apply = async (): Promise<Reply> => await context.perform({ request, asked, raw, fault })
  switch (fault?.kind) {
    case 'status':
      return errorReply(fault.status, fault.code, 'Injected')
    case '200-with-error-body':
      return errorReply(200, fault.code, 'Injected')
    case 'reset-after-body':
      return 'break-off'
    case 'answer-lost':
      await apply()
      return 'break-off'
    case 'apply-later':
      void stall(fault.ms, struck?.released).then(apply)
      return 'break-off'
    // What else there is has happened by now, shows in the listing, or happens to the answer.
    case 'reset-before-body':
    case 'stall':
    case 'slow':
    case 'truncated-answer':
    case 'short-listing':
    case 'stale-listing':
    case 'clock-skew':
    case undefined:
      break
  }
  return await apply()
}

async function send({ request, response, struck }: Exchange, reply: Reply): Promise<void> {
  const body = Buffer.from(reply.body ?? '')
  const length = reply.status === 204 || reply.status === 304 ? {} : { 'content-length': body.byteLength }
  if (struck?.fault.kind === 'clock-skew') {
    response.setHeader('date', new Date(Date.now() + struck.fault.aheadMs).toUTCString())
  }
  response.writeHead(reply.status, { 'x-amz-request-id': 'test', ...length, ...reply.headers })
  // Errors of HEAD have no body either, so clients never learn a code.
  if (request.method === 'HEAD') response.end()
  else await sendBody(response, body, struck?.fault)
}

function breakOff(exchange: Exchange, bytesReceived: number): void {
  record(exchange, 0, bytesReceived)
  exchange.request.socket.resetAndDestroy()
}

function record({ context, request, asked }: Exchange, status: number, bytesReceived: number): void {
  const { name, bucket, key, partNumber, uploadId, headers } = asked.operation ?? {
    name: asked.method,
    bucket: '',
    key: request.url ?? '',
    partNumber: undefined,
    uploadId: '',
    headers: {},
  }
  const entry: S3Request = {
    operation: name,
    bucket,
    key,
    partNumber,
    uploadId: uploadId === '' ? undefined : uploadId,
    headers,
    bytesReceived,
    status,
  }
  context.requests.push(entry)
  context.log?.(entry)
}
