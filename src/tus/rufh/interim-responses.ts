import { type ServerResponse, validateHeaderValue } from 'node:http'
import type { TusRequest, TusServerOptions } from '../tus-context.ts'
import type { Dialect } from './dialects.ts'

/** Progress is told no more often than this. */
const PROGRESS_INTERVAL_MS = 1_000

/** What Node has for interim responses: the first from 26 on, the second, which is not public, before. */
interface InterimWriter {
  readonly writeInformation?: (status: number, headers: Record<string, string>) => void
  readonly _writeRaw?: (text: string, encoding: 'latin1') => boolean
}

/** 104 (Upload Resumption Supported), sent while the body is still coming in. */
export class InterimResponses {
  readonly #response: ServerResponse
  readonly #version: number | undefined
  #lastProgressMs = Number.NEGATIVE_INFINITY
  #wereSent = false

  constructor(
    { request, response }: TusRequest,
    { version }: Dialect,
    { rufhInformational }: TusServerOptions,
  ) {
    this.#response = response
    // only to who speaks the same version; and HTTP/1.0 knows no interim responses (RFC 9110, 15.2).
    const knowsThem = request.httpVersionMajor === 1 && request.httpVersionMinor >= 1
    this.#version = rufhInformational && knowsThem ? version : undefined
  }

  /** Whether the client gets any. */
  get areOn(): boolean {
    return this.#version !== undefined
  }

  /** Whether the client has got one. */
  get wereSent(): boolean {
    return this.#wereSent
  }

  /** Says where the upload is, which must exist by then. */
  announce(location: string, limit: string): void {
    this.#send({ Location: location, 'Upload-Limit': limit })
  }

  /** Says that bytes up to `offsetBytes` are stored for good. */
  progress(offsetBytes: number): void {
    const nowMs = performance.now()
    if (nowMs - this.#lastProgressMs < PROGRESS_INTERVAL_MS) return
    this.#lastProgressMs = nowMs
    this.#send({ 'Upload-Offset': String(offsetBytes) })
  }

  #send(fields: Readonly<Record<string, string>>): void {
    const response = this.#response
    if (this.#version === undefined || response.headersSent || response.destroyed) return
    const headers = { 'Upload-Draft-Interop-Version': String(this.#version), ...fields }
    const writer = response as InterimWriter
    if (writer.writeInformation) writer.writeInformation(104, headers)
    // oxlint-disable-next-line no-underscore-dangle -- the one way there is before Node 26, as its own writeContinue()
    else writer._writeRaw?.(frame(headers), 'latin1')
    this.#wereSent = true
  }
}

/** The bytes of a 104. @throws TypeError for a value that would break out of its header */
function frame(headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => {
    validateHeaderValue(name, value)
    return `${name}: ${value}\r\n`
  })
  return `HTTP/1.1 104 Upload Resumption Supported\r\n${lines.join('')}\r\n`
}
