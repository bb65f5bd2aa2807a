import type { IncomingMessage } from 'node:http'
import { type RequestHandler, type Response, Router } from 'express'
import { TuskerError, isTuskerError } from '../../core/errors.ts'
import { type UploadId, parseUploadId } from '../../core/upload-id.ts'
import { allowOnly } from '../middleware/allow-methods.ts'
import type { UploadLocations } from '../upload-locations.ts'
import { type UploadUrlOptions, requireUploadUrl } from '../upload-url.ts'
import { type DownloadOptions, findFile, sendFile, setTusHeaders } from './downloads.ts'

export interface UploadRouteOptions extends UploadUrlOptions {
  readonly locations: UploadLocations
  readonly downloads: DownloadOptions
}

const COLLECTION_METHODS = ['POST', 'OPTIONS']
const UPLOAD_METHODS = ['HEAD', 'PATCH', 'DELETE', 'OPTIONS']

/**
 * The upload endpoint, to be mounted at /files: `/` is the collection of the default location, `/<location>` that of
 * one by name, `/<location>/<id>` an upload. Bodies are never parsed here: they are for tus to read.
 */
export function uploadRoutes(options: UploadRouteOptions): Router {
  const router = Router({ caseSensitive: true })
  const uploadMethods = options.downloads.enabled ? ['GET', ...UPLOAD_METHODS] : UPLOAD_METHODS
  router.use(tusVersion)
  router.all('/{:location}', serveCollection(options), allowOnly(...COLLECTION_METHODS))
  if (options.downloads.enabled) router.get('/:location/:id', serveFile(options))
  router.all('/:location/:id', serveUpload(options), allowOnly(...uploadMethods))
  return router
}

/** tus 1.0.0: Tus-Resumable is in every answer, whoever gives it. */
const tusVersion: RequestHandler = (_request, response, next) => {
  response.set('Tus-Resumable', '1.0.0')
  next()
}

function serveCollection(options: UploadRouteOptions): RequestHandler<{ location?: string }> {
  const { locations } = options
  return async (request, response, next) => {
    const { tus } = await locations.find(request.params.location ?? locations.defaultName)
    if (!isFor(COLLECTION_METHODS, request)) return next()
    // Before anything is created: an upload whose URL can't be told would be lost.
    requireUploadUrl(request, options)
    await tus.serve(request, response, undefined)
  }
}

type UploadParams = { location: string; id: string }

function serveUpload({ locations }: UploadRouteOptions): RequestHandler<UploadParams> {
  return async (request, response, next) => {
    const { tus } = await locations.find(request.params.location)
    const id = requireUploadId(request.params.id)
    if (!isFor(UPLOAD_METHODS, request) && !isOfProtocol(request)) return next()
    await tus.serve(request, response, id)
  }
}

/** GET and HEAD (for Express, `get` is both) of the file itself; what is not for us goes on to tus. */
function serveFile({ locations, downloads }: UploadRouteOptions): RequestHandler<UploadParams> {
  return async (request, response, next) => {
    if (isOfProtocol(request)) return next()
    const { location, tus } = await locations.find(request.params.location)
    const id = requireUploadId(request.params.id)
    const signal = leaveSignal(response)
    try {
      const file = await findFile(location.driver, id, signal)
      if (request.method === 'HEAD') setTusHeaders(file, tus.uploadLimit, response)
      await sendFile(file, downloads, request, response, signal)
    } catch (error) {
      // How far an unfinished upload is, anybody may ask with a plain HEAD: tus knows.
      const isIncomplete = isTuskerError(error, 'ERR_UPLOAD_INCOMPLETE')
      if (request.method === 'HEAD' && isIncomplete) return next()
      if (isIncomplete) tus.concatenations.resumeInBackground(id)
      if (!signal.aborted) throw error
    }
  }
}

/** The id is checked before a path or key is built from it; one that can't be is as unknown as any other. */
function requireUploadId(text: string): UploadId {
  const id = parseUploadId(text)
  if (id === undefined) throw new TuskerError('ERR_UPLOAD_NOT_FOUND')
  return id
}

/** An X-HTTP-Method-Override is the method, whatever the request line says: tus judges it (tus 1.0.0). */
function isFor(methods: readonly string[], { method = '', headers }: IncomingMessage): boolean {
  return methods.includes(method) || headers['x-http-method-override'] !== undefined
}

/** Whether a GET or HEAD asks for the state of the upload: of tus, HEAD; of the IETF protocol, either. */
function isOfProtocol({ method, headers }: IncomingMessage): boolean {
  if (headers['x-http-method-override'] !== undefined) return true
  if (method === 'HEAD' && headers['tus-resumable'] !== undefined) return true
  const isRead = method === 'GET' || method === 'HEAD'
  return isRead && headers['upload-draft-interop-version'] !== undefined
}

/** Aborts what is being fetched for a client that has left; not if the answer broke by a fault of ours. */
function leaveSignal(response: Response): AbortSignal {
  const left = new AbortController()
  response.once('close', () => response.errored === null && left.abort())
  return left.signal
}
