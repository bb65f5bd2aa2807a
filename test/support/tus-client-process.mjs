// One run of the real tus-js-client in a process of its own, so that a test can kill it like a closed browser.
// Argument: JSON { endpoint, file, urlStore, protocol?, chunkSize?, deferLength?, metadata?, dieAtByte?, parallelUploads? }.
// Prints one JSON line per event.
import { createReadStream } from 'node:fs'
import { DefaultHttpStack, FileUrlStorage, Upload } from 'tus-js-client'

const { endpoint, file, urlStore, protocol, chunkSize, deferLength, metadata, dieAtByte, parallelUploads } =
  JSON.parse(process.argv[2])
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)

// A deferred length is for sources whose end is not known: a plain stream, which can't be resumed by another process.
const source = deferLength
  ? createReadStream(file).pipe(new (await import('node:stream')).PassThrough())
  : createReadStream(file)

/**
 * Ends this process (kill -9) when so many bytes of the file have gone out. Not by a parent that watches the progress:
 * that is told every 100 ms only, and the rest of the file may have gone by then.
 */
class MortalHttpStack extends DefaultHttpStack {
  createRequest(method, url) {
    const request = super.createRequest(method, url)
    const send = request.send.bind(request)
    request.send = (body) => {
      let offset = Number(request.getHeader('Upload-Offset') ?? 0)
      body?.on?.('data', (bytes) => {
        offset += bytes.length
        if (offset >= dieAtByte) process.kill(process.pid, 'SIGKILL')
      })
      return send(body)
    }
    return request
  }
}

const upload = new Upload(source, {
  ...(dieAtByte === undefined ? {} : { httpStack: new MortalHttpStack({}) }),
  endpoint,
  protocol: protocol ?? 'tus-v1',
  parallelUploads: parallelUploads ?? 1,
  chunkSize: chunkSize ?? Infinity,
  uploadLengthDeferred: deferLength === true,
  retryDelays: [0, 100, 200, 400, 800, 1600, 3200],
  urlStorage: new FileUrlStorage(urlStore),
  fingerprint: () => Promise.resolve(`test-${file}`),
  removeFingerprintOnSuccess: true,
  metadata: metadata ?? {},
  onUploadUrlAvailable: () => say({ event: 'url', url: upload.url }),
  onProgress: (bytesSent) => say({ event: 'progress', bytesSent }),
  onChunkComplete: (_size, bytesAccepted) => say({ event: 'accepted', bytesAccepted }),
  onSuccess: () => say({ event: 'success', url: upload.url }),
  onError: (error) => {
    say({ event: 'error', message: String(error) })
    process.exitCode = 1
  },
})

const [previous] = await upload.findPreviousUploads()
if (previous) {
  upload.resumeFromPreviousUpload(previous)
  say({ event: 'resumed' })
}
upload.start()
