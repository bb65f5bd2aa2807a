import express, { type Express } from 'express'
import type { Logger } from 'pino'
import { errorHandler, routeNotFound } from './error-handler.ts'
import { type CorsOptions, crossOrigin } from './middleware/cors.ts'
import { basePath } from './middleware/base-path.ts'
import { hostHeader } from './middleware/host-header.ts'
import { requestId } from './middleware/request-id.ts'
import { requestLog } from './middleware/request-log.ts'
import { securityHeaders } from './middleware/security-headers.ts'
import type { DownloadOptions } from './routes/downloads.ts'
import { healthRoutes } from './routes/health.ts'
import { type PageOptions, pageRoutes } from './routes/page.ts'
import { uploadRoutes } from './routes/uploads.ts'
import type { UploadLocations } from './upload-locations.ts'
import { type UploadUrlOptions, UPLOADS_PATH } from './upload-url.ts'

export interface AppOptions extends UploadUrlOptions {
  readonly logger: Logger
  readonly locations: UploadLocations
  /** As Express's setting "trust proxy". */
  readonly trustProxy: boolean | number | string[]
  readonly cors: CorsOptions
  readonly downloads: DownloadOptions
  readonly page: PageOptions
  readonly isShuttingDown: () => boolean
}

/** The whole HTTP face, in the order in which a request meets it. */
export function createApp(options: AppOptions): Express {
  const { publicUrl } = options
  const app = express()
  app.disable('x-powered-by')
  app.enable('case sensitive routing')
  // Should our error handler ever fail, the one of Express must show no stack.
  app.set('env', 'production')
  app.set('trust proxy', options.trustProxy)

  app.use(requestId())
  app.use(requestLog(options.logger))
  app.use(securityHeaders())
  app.use(hostHeader())
  app.use(basePath(publicUrl))
  app.use(healthRoutes(options))
  app.use(UPLOADS_PATH, crossOrigin(options.cors, publicUrl && new URL(publicUrl).origin))
  app.use(UPLOADS_PATH, uploadRoutes(options))
  app.use(pageRoutes(options))
  app.use(routeNotFound())
  app.use(errorHandler())
  return app
}
