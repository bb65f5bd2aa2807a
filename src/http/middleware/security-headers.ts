import type { RequestHandler } from 'express'
import helmet, { type HelmetOptions } from 'helmet'

const NONE = ["'none'"]
const SELF = ["'self'"]

const OPTIONS: HelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: NONE,
      scriptSrc: SELF,
      styleSrc: SELF,
      // Previews of files that are chosen but not uploaded are blob: URLs; Uppy's icons are data: URLs.
      imgSrc: ["'self'", 'blob:', 'data:'],
      mediaSrc: ["'self'", 'blob:'],
      fontSrc: SELF,
      connectSrc: SELF,
      manifestSrc: SELF,
      baseUri: NONE,
      formAction: NONE,
      frameAncestors: NONE,
    },
  },
  // Whether a host name may ever be used without TLS is for whoever has the certificate to say; promised on plain
  // http://host:1080 it would lock people out. For the same reason there is no upgrade-insecure-requests.
  strictTransportSecurity: false,
  xFrameOptions: { action: 'deny' },
}

/** Headers that make browsers careful, on every answer. */
export function securityHeaders(): RequestHandler {
  const secure = helmet(OPTIONS)
  // Browsers ignore these two on plain http, and print errors about it.
  const plain = helmet({ ...OPTIONS, crossOriginOpenerPolicy: false, originAgentCluster: false })
  return function addSecurityHeaders(request, response, next) {
    const add = request.secure ? secure : plain
    add(request, response, next)
  }
}
