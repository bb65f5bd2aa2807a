import { type Content, sha256Of } from './content.ts'

/** What a client has been told of an upload, and what happened to it. */
export interface WatchedUpload {
  readonly id: string
  readonly url: string
  /** The highest offset that any answer has acknowledged. */
  ackedBytes: number
  isLengthKnown: boolean
  /** Its multipart upload was aborted from outside: it may be gone, and offsets may go back. */
  wasAborted: boolean
  /** A DELETE has been sent. */
  isDeleted: boolean
}

/** A request as far as the promises are concerned. */
export interface Asked {
  readonly method: string
  readonly url: string
  readonly declaresLength: boolean
}

export interface Answer {
  readonly status: number
  readonly header: (name: string) => string | undefined
}

/** What an answer is held against: what had been acknowledged when its request was sent. */
export interface Expectation {
  readonly asked: Asked
  readonly floorBytes: number
  readonly deletedBefore: boolean
}

interface WatchOptions {
  readonly content: Content
  readonly findObject: (id: string) => Buffer | undefined
  readonly log: (line: string) => void
}

/** Hears every request and answer of a run's clients, and holds them against the promises. */
export class UploadWatch {
  readonly uploads = new Map<string, WatchedUpload>()
  readonly violations: string[] = []
  readonly #options: WatchOptions
  readonly #abortedIds = new Set<string>()
  readonly #checkedObjects = new WeakMap<Buffer, string>()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** To be called before a request is sent. */
  sending(asked: Asked): Expectation {
    const upload = this.#find(asked.url)
    this.#options.log(`> ${asked.method} ${upload?.id ?? asked.url}${asked.declaresLength ? ' +length' : ''}`)
    if (asked.method === 'DELETE' && upload) upload.isDeleted = true
    return { asked, floorBytes: upload?.ackedBytes ?? 0, deletedBefore: upload?.isDeleted ?? false }
  }

  /** To be called with its answer, if one comes. */
  answered(expectation: Expectation, answer: Answer): void {
    const { method, url, declaresLength } = expectation.asked
    const upload = method === 'POST' ? this.#created(answer, declaresLength) : this.#find(url)
    const offset = answer.header('upload-offset')
    this.#options.log(`< ${method} ${upload?.id ?? url} ${answer.status} offset=${offset ?? '-'}`)
    if (!upload) return
    if (method === 'HEAD') this.#checkHead(upload, expectation, answer)
    if (method === 'PATCH') this.#checkGone(upload, expectation, answer)
    if (answer.status < 300 && method === 'PATCH' && declaresLength) upload.isLengthKnown = true
    if (offset !== undefined) this.#checkOffset(upload, expectation, Number(offset), answer.status)
  }

  /** The multipart upload of this upload, which the client may not know of yet, was aborted from outside. */
  aborted(id: string): void {
    this.#abortedIds.add(id)
    const upload = this.uploads.get(id)
    if (upload) upload.wasAborted = true
  }

  violated(what: string): void {
    this.violations.push(what)
    this.#options.log(`! ${what}`)
  }

  /** An upload that was called complete has its object, with the right bytes. */
  requireObject(id: string, why: string): void {
    const body = this.#options.findObject(id)
    if (body === undefined) return this.violated(`${why}, but there is no object ${id}`)
    const sha256 = this.#checkedObjects.get(body) ?? sha256Of(body)
    this.#checkedObjects.set(body, sha256)
    const { bytes, sha256: expected } = this.#options.content
    if (sha256 !== expected)
      this.violated(
        `${why}, but the object ${id} has other bytes: ${body.byteLength} of ${bytes.byteLength}, differing from ${firstDifference(body, bytes)}`,
      )
  }

  #find(url: string): WatchedUpload | undefined {
    return this.uploads.get(idOf(url))
  }

  #created(answer: Answer, declaresLength: boolean): WatchedUpload | undefined {
    const url = answer.header('location')
    if (url === undefined) {
      if (answer.status === 201) this.violated('POST was answered 201 without a Location')
      return undefined
    }
    const upload = {
      id: idOf(url),
      url,
      ackedBytes: 0,
      isLengthKnown: declaresLength,
      wasAborted: this.#abortedIds.has(idOf(url)),
      isDeleted: false,
    }
    this.uploads.set(upload.id, upload)
    const isEmpty = declaresLength && this.#options.content.bytes.byteLength === 0
    if (answer.status === 201 && isEmpty) this.requireObject(upload.id, 'An empty upload was created')
    return upload
  }

  /** tus-js-client starts from zero after anything but 2xx and 423. */
  #checkHead(upload: WatchedUpload, { deletedBefore }: Expectation, { status, header }: Answer): void {
    const mayBeGone = deletedBefore || upload.isDeleted || upload.wasAborted
    if (status === 200) {
      if (header('upload-length') !== undefined) upload.isLengthKnown = true
      return
    }
    if (status !== 423 && !(mayBeGone && (status === 404 || status === 410)))
      this.violated(`HEAD was answered ${status}: a client would start from zero`)
  }

  #checkGone(upload: WatchedUpload, { deletedBefore }: Expectation, { status }: Answer): void {
    const mayBeGone = deletedBefore || upload.isDeleted || upload.wasAborted
    if (!mayBeGone && (status === 404 || status === 410))
      this.violated(`PATCH was answered ${status} although the upload is there`)
  }

  #checkOffset(upload: WatchedUpload, { floorBytes }: Expectation, offset: number, status: number): void {
    const { byteLength: sizeBytes } = this.#options.content.bytes
    if (!Number.isInteger(offset) || offset < 0 || offset > sizeBytes)
      return this.violated(`Upload-Offset ${offset} of an upload of ${sizeBytes} bytes`)
    if (offset < floorBytes && !upload.wasAborted)
      return this.violated(`The offset went back from ${floorBytes} to ${offset} (status ${status})`)
    if (status >= 300) return
    upload.ackedBytes = Math.max(upload.ackedBytes, offset)
    if (offset === sizeBytes && upload.isLengthKnown && !upload.isDeleted)
      this.requireObject(upload.id, `All ${sizeBytes} bytes were acknowledged (status ${status})`)
  }
}

export function idOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}

function firstDifference(one: Buffer, other: Buffer): number {
  const end = Math.min(one.byteLength, other.byteLength)
  for (let index = 0; index < end; index += 1) if (one[index] !== other[index]) return index
  return end
}
