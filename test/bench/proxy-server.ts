import { randomBytes } from 'node:crypto'
import { Agent, type IncomingMessage, type ServerResponse, createServer, request } from 'node:http'

// The floor: takes bytes, gathers parts in memory and sends them on, and does nothing else that an upload server must do
// (no checks, no locks, no signatures, nothing that outlives it): `node proxy-server.js PORT S3_ENDPOINT BUCKET PART_BYTES`.

const [, , port = '', endpoint = '', bucket = '', partSize = ''] = process.argv
const PART_SIZE_BYTES = Number(partSize)
/** Four keep the sink busy; more would only be memory. */
const MAX_PARTS_IN_FLIGHT = 4

interface Upload {
  readonly key: string
  readonly lengthBytes: number
  multipartId: string | undefined
  offsetBytes: number
  pending: Buffer[]
  pendingBytes: number
  sentParts: number
}

const uploads = new Map<string, Upload>()
const agent = new Agent({ keepAlive: true })

const server = createServer((incoming, response) => {
  handle(incoming, response).catch((error: unknown) => {
    response.writeHead(500)
    response.end(String(error))
  })
})
server.requestTimeout = 0
server.listen(Number(port), '127.0.0.1')

async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const upload = incoming.method === 'POST' ? createUpload(incoming) : findUpload(incoming)
  if (upload === undefined) {
    response.writeHead(404)
    response.end()
    return
  }
  await receive(incoming, upload)
  if (upload.offsetBytes === upload.lengthBytes) await finish(upload)
  const headers = { 'tus-resumable': '1.0.0', 'upload-offset': upload.offsetBytes }
  if (incoming.method === 'POST') response.writeHead(201, { ...headers, location: `/files/${upload.key}` })
  else response.writeHead(204, headers)
  response.end()
}

function createUpload(incoming: IncomingMessage): Upload {
  const key = randomBytes(16).toString('hex')
  const lengthBytes = Number(incoming.headers['upload-length'])
  const upload: Upload = {
    key,
    lengthBytes,
    multipartId: undefined,
    offsetBytes: 0,
    pending: [],
    pendingBytes: 0,
    sentParts: 0,
  }
  uploads.set(key, upload)
  return upload
}

function findUpload(incoming: IncomingMessage): Upload | undefined {
  return incoming.method === 'PATCH' ? uploads.get((incoming.url ?? '').split('/').at(-1) ?? '') : undefined
}

function receive(incoming: IncomingMessage, upload: Upload): Promise<void> {
  const inFlight = new Set<Promise<unknown>>()
  return new Promise((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => {
      upload.pending.push(chunk)
      upload.pendingBytes += chunk.byteLength
      upload.offsetBytes += chunk.byteLength
      if (upload.pendingBytes < PART_SIZE_BYTES || upload.lengthBytes <= PART_SIZE_BYTES) return
      const sending = sendPart(upload).catch(reject)
      inFlight.add(sending)
      if (inFlight.size >= MAX_PARTS_IN_FLIGHT) incoming.pause()
      void sending.finally(() => {
        inFlight.delete(sending)
        incoming.resume()
      })
    })
    incoming.on('end', () => void Promise.all(inFlight).then(() => resolve()))
    incoming.on('error', reject)
  })
}

async function sendPart(upload: Upload): Promise<void> {
  const { pending, pendingBytes } = upload
  upload.pending = []
  upload.pendingBytes = 0
  upload.sentParts += 1
  const partNumber = upload.sentParts
  const uploadId = await multipartIdOf(upload)
  await send('PUT', `${upload.key}?partNumber=${partNumber}&uploadId=${uploadId}`, pending, pendingBytes)
}

const starting = new Map<Upload, Promise<string>>()

/** Parts that fill at the same time must not start two multipart uploads. */
async function multipartIdOf(upload: Upload): Promise<string> {
  if (upload.multipartId !== undefined) return upload.multipartId
  const started = starting.get(upload) ?? startMultipart(upload)
  starting.set(upload, started)
  upload.multipartId = await started
  starting.delete(upload)
  return upload.multipartId
}

async function startMultipart({ key }: Upload): Promise<string> {
  const answer = await send('POST', `${key}?uploads`, [], 0)
  return /<UploadId>([^<]*)<\/UploadId>/.exec(answer)?.[1] ?? ''
}

async function finish(upload: Upload): Promise<void> {
  uploads.delete(upload.key)
  if (upload.sentParts === 0) {
    await send('PUT', upload.key, upload.pending, upload.pendingBytes)
    return
  }
  if (upload.pendingBytes > 0) await sendPart(upload)
  const parts = Array.from(
    { length: upload.sentParts },
    (_, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>e</ETag></Part>`,
  )
  const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
  await send('POST', `${upload.key}?uploadId=${upload.multipartId ?? ''}`, [body], body.byteLength)
}

function send(method: string, path: string, chunks: readonly Buffer[], sizeBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': sizeBytes }
    const outgoing = request(`${endpoint}/${bucket}/${path}`, { method, agent, headers }, (answer) => {
      let text = ''
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(text)
        else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`))
      })
    })
    outgoing.on('error', reject)
    for (const chunk of chunks) outgoing.write(chunk)
    outgoing.end()
  })
}
