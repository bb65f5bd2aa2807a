import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { decodeAwsChunked } from './aws-chunked.ts'
import { type S3Call, answerCall, operationOf } from './sink-operations.ts'
import { SinkStore } from './sink-store.ts'

// An S3 server that throws away what it is sent. It runs as a process of its own: `node s3-sink.js PORT`.

/** Records and tails are read again; of what is larger only the size is. */
const MAX_KEPT_BODY_BYTES = 16 * 1024 ** 2

const store = new SinkStore()

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://sink')
  if (url.pathname.startsWith('/__')) control(url, response)
  else receive(request, url, response)
})
// A connection that the sink closes while it is idle would be counted against the server that uses it again.
server.keepAliveTimeout = 600_000
server.requestTimeout = 0
server.on('connection', () => (store.connections += 1))
server.listen(Number(process.argv[2]), '127.0.0.1')

function control({ pathname, searchParams }: URL, response: ServerResponse): void {
  const number = (name: string): number => Number(searchParams.get(name) ?? '0')
  if (pathname === '/__reset') store.resetCounts()
  if (pathname === '/__latency') store.latencyMs = number('ms')
  const isSeeded =
    pathname !== '/__seed' ||
    store.seedParts(searchParams.get('key') ?? '', number('parts'), number('partSizeBytes'))
  response.writeHead(isSeeded ? 200 : 404, { 'content-type': 'application/json' })
  response.end(JSON.stringify(store.stats()))
}

function receive(request: IncomingMessage, url: URL, response: ServerResponse): void {
  const operation = operationOf(request.method ?? '', url, request.headers)
  const isKept = operation !== 'UploadPart' && declaredBytes(request) <= MAX_KEPT_BODY_BYTES
  const chunks: Buffer[] = []
  let receivedBytes = 0
  if (isKept) request.on('data', (chunk: Buffer) => chunks.push(chunk))
  else if (hasDeclaredBytes(request)) request.resume()
  else request.on('data', (chunk: Buffer) => (receivedBytes += chunk.byteLength))
  request.on('end', () => {
    const body = isKept ? payload(request, Buffer.concat(chunks)) : undefined
    const sizeBytes = body?.byteLength ?? (hasDeclaredBytes(request) ? declaredBytes(request) : receivedBytes)
    store.count(operation, sizeBytes)
    const call: S3Call = { operation, url, headers: request.headers, body, sizeBytes }
    if (store.latencyMs === 0) answer(call, response)
    else setTimeout(() => answer(call, response), store.latencyMs)
  })
}

function answer(call: S3Call, response: ServerResponse): void {
  const { status, headers, body } = answerCall(store, call)
  response.writeHead(status, headers)
  response.end(call.operation.startsWith('Head') ? undefined : body)
}

function hasDeclaredBytes({ headers }: IncomingMessage): boolean {
  return headers['x-amz-decoded-content-length'] !== undefined || headers['content-length'] !== undefined
}

function declaredBytes({ headers }: IncomingMessage): number {
  return Number(headers['x-amz-decoded-content-length'] ?? headers['content-length'] ?? 0)
}

function payload({ headers }: IncomingMessage, received: Buffer): Buffer {
  const isAwsChunked = String(headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-')
  return isAwsChunked ? decodeAwsChunked(received) : received
}
