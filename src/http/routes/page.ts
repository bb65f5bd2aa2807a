import express, { Router } from 'express'
import { allowOnly } from '../middleware/allow-methods.ts'
import { basePathOf } from '../middleware/base-path.ts'
import type { UploadLocations } from '../upload-locations.ts'
import { UPLOADS_PATH } from '../upload-url.ts'

export interface PageOptions {
  /** Where the built page is. */
  readonly directory: string
  /** Names of the locations that take new uploads. */
  readonly writableLocations: readonly string[]
  readonly maxSizeBytes: number | undefined
  readonly downloads: boolean
}

export interface PageRouteOptions {
  readonly locations: UploadLocations
  readonly page: PageOptions
  readonly publicUrl?: string | undefined
}

/** The upload page, and what it has to know of this server. */
export function pageRoutes(options: PageRouteOptions): Router {
  const router = Router({ caseSensitive: true })
  const description = describePage(options)
  router.get('/page.json', (_request, response) => {
    response.set('Cache-Control', 'no-cache').json(description)
  })
  router.use(express.static(options.page.directory, { redirect: false, setHeaders: setCaching }))
  router.all(['/', '/page.json'], refuseOtherMethods())
  return router
}

function describePage({ locations, page, publicUrl }: PageRouteOptions): object {
  const endpoint = `${basePathOf(publicUrl)}${UPLOADS_PATH}`
  return {
    endpoint,
    locations: page.writableLocations.map((name) => ({
      name,
      endpoint: `${endpoint}/${encodeURIComponent(name)}`,
      mode: 'rw',
    })),
    defaultLocation: locations.defaultName,
    maxSizeBytes: page.maxSizeBytes ?? null,
    downloads: page.downloads,
  }
}

/** The names of assets have a hash of their content in them: they never change. */
function setCaching(response: { setHeader(name: string, value: string): unknown }, path: string): void {
  const isHashed = /[\\/]assets[\\/]/.test(path)
  response.setHeader('Cache-Control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
}

/** GET of a page that was not built is 404, anything but GET is 405. */
function refuseOtherMethods(): express.RequestHandler {
  const refuse = allowOnly('GET', 'HEAD')
  return (request, response, next) =>
    ['GET', 'HEAD'].includes(request.method) ? next() : refuse(request, response, next)
}
