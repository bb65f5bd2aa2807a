import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server } from '@tus/server'
import { TuskerError } from '../core/errors.ts'
import type { UploadId } from '../core/upload-id.ts'
import { appendUpload } from './append-upload.ts'
import { Concatenations } from './concatenation/concatenations.ts'
import { createUpload } from './create-upload.ts'
import { UploadDataStore } from './data-store.ts'
import { describeServer } from './describe-server.ts'
import { dialectOf } from './rufh/dialects.ts'
import { creationLimitOf } from './rufh/response-fields.ts'
import { rufhHandlerOf } from './rufh/serve-rufh.ts'
import { drainRequest } from './drain-request.ts'
import { headUpload } from './head-upload.ts'
import { RequestBody } from './request-body.ts'
import { TUS_VERSION, headerOf, methodOf, requireKnownOverride, requireVersion } from './request-headers.ts'
import { terminateUpload } from './terminate-upload.ts'
import type { TusContext, TusRequest, TusServerOptions, UploadHandler } from './tus-context.ts'

const UPLOAD_HANDLERS: Readonly<Record<string, UploadHandler>> = {
  HEAD: headUpload,
  PATCH: appendUpload,
  DELETE: terminateUpload,
}

/**
 * tus 1.0.0, and its successor at the IETF, for one location. The Server of @tus/server is what it is to its
 * surroundings (events, options, store); its handlers are replaced: they free the lock while parts are still being
 * sent, lose what arrived before a cut, and answer other codes than the protocol says (docs/architecture.md).
 */
export class TusServer extends Server {
  readonly #options: TusContext
  readonly #bodies = new Set<RequestBody>()
  readonly #running = new Set<Promise<void>>()
  #isShuttingDown = false

  constructor(options: TusServerOptions) {
    super({
      path: `/${options.locationName}`,
      datastore: new UploadDataStore(options.store),
      locker: options.locker,
    })
    this.#options = { ...options, concatenations: new Concatenations(options) }
  }

  get concatenations(): Concatenations {
    return this.#options.concatenations
  }

  /** Upload-Limit: what holds for every upload of the location. */
  get uploadLimit(): string {
    return creationLimitOf(this.#options)
  }

  /** How many requests are being served. */
  get inFlight(): number {
    return this.#running.size
  }

  /**
   * Serves a request on an upload, or on the collection if `id` is undefined.
   * @throws TuskerError for every refusal; headers that belong to it are set on the response by then.
   */
  async serve(request: IncomingMessage, response: ServerResponse, id: UploadId | undefined): Promise<void> {
    const serving = this.#serve(request, response, id)
    const settled = serving.catch(() => undefined)
    this.#running.add(settled)
    try {
      await serving
    } finally {
      this.#running.delete(settled)
    }
  }

  /** Ends the bodies that are being received; resolves when what arrived is stored and answered. */
  async interrupt(): Promise<void> {
    this.#isShuttingDown = true
    for (const body of this.#bodies) body.stop('shutdown')
    await Promise.all([this.concatenations.stop(), ...this.#running])
  }

  async #serve(request: IncomingMessage, response: ServerResponse, id: UploadId | undefined): Promise<void> {
    const body = new RequestBody(request, {
      idleTimeoutMs: this.#options.bodyIdleTimeoutMs,
      onWanted: () => letBodyCome(request, response),
    })
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    this.#bodies.add(body)
    if (this.#isShuttingDown) body.stop('shutdown')
    try {
      await this.#dispatch({ request, response, body, signal: gone.signal }, id)
    } finally {
      this.#bodies.delete(body)
      drainRequest(request, response)
    }
  }

  async #dispatch(exchange: TusRequest, id: UploadId | undefined): Promise<void> {
    const { request, response } = exchange
    const method = methodOf(request)
    response.setHeader('Tus-Resumable', TUS_VERSION)
    requireKnownOverride(request)
    if (method === 'OPTIONS') return describeServer(this.#options, response)
    const dialect = dialectOf(request)
    const handle = dialect
      ? rufhHandlerOf(this.#options, exchange, { method, dialect, id })
      : this.#handlerOf(method, exchange, id)
    if (handle === undefined) throw refusedMethod(exchange, id)
    if (method === 'HEAD') response.setHeader('Cache-Control', 'no-store')
    if (dialect === undefined) this.#requireVersion(exchange, method)
    await handle()
  }

  #handlerOf(
    method: string,
    exchange: TusRequest,
    id: UploadId | undefined,
  ): (() => Promise<void>) | undefined {
    const forUpload = UPLOAD_HANDLERS[method]
    if (id !== undefined && forUpload) return () => forUpload(this.#options, { ...exchange, id })
    if (id === undefined && method === 'POST') return () => createUpload(this.#options, exchange)
    return undefined
  }

  #requireVersion({ request, response }: TusRequest, method: string): void {
    // HEAD changes nothing: it may come without a version, but not with another one.
    if (method === 'HEAD' && headerOf(request, 'tus-resumable') === undefined) return
    try {
      requireVersion(request)
    } catch (error) {
      response.setHeader('Tus-Version', TUS_VERSION)
      throw error
    }
  }
}

function refusedMethod({ response }: TusRequest, id: UploadId | undefined): TuskerError {
  response.setHeader('Allow', id === undefined ? 'POST, OPTIONS' : 'HEAD, PATCH, DELETE, GET, OPTIONS')
  return new TuskerError('ERR_METHOD_NOT_ALLOWED')
}

/**
 * A client that sent Expect: 100-continue waits for this before it sends its body; by now nothing speaks against it
 * (CW-04). The HTTP server leaves it to us.
 */
function letBodyCome(request: IncomingMessage, response: ServerResponse): void {
  if (headerOf(request, 'expect')?.toLowerCase() === '100-continue') response.writeContinue()
}
