// One run of the real tus-js-client in a process of its own, so that a test can kill it like a closed browser.
// Argument: JSON { endpoint, file, urlStore, chunkSize?, deferLength?, metadata? }. Prints one JSON line per event.
import { createReadStream } from 'node:fs'
import { FileUrlStorage, Upload } from 'tus-js-client'

const { endpoint, file, urlStore, chunkSize, deferLength, metadata } = JSON.parse(process.argv[2])
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)

// A deferred length is for sources whose end is not known: a plain stream, which can't be resumed by another process.
const source = deferLength
  ? createReadStream(file).pipe(new (await import('node:stream')).PassThrough())
  : createReadStream(file)

const upload = new Upload(source, {
  endpoint,
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
