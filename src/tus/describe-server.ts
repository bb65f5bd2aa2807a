import type { ServerResponse } from 'node:http'
import { DIGEST_NAMES } from './digests.ts'
import { TUS_VERSION, UPLOAD_CONTENT_TYPE } from './request-headers.ts'
import { PARTIAL_UPLOAD } from './rufh/request-fields.ts'
import { creationLimitOf } from './rufh/response-fields.ts'
import type { TusServerOptions } from './tus-context.ts'

/** OPTIONS: what this server can do; computed from the location's store, never configured. */
export function describeServer(
  { store, expirationMs, maxSizeBytes }: TusServerOptions,
  response: ServerResponse,
): void {
  const offered = store.extensions.filter((name) => name !== 'expiration' || expirationMs !== undefined)
  const verifies = offered.includes('checksum')
  const extensions = verifies ? [...offered, 'checksum-trailer'] : offered
  // For clients of the IETF protocol, which ask without saying so; draft-10 and -11 want Accept-Patch too.
  response.setHeader('Upload-Limit', creationLimitOf({ expirationMs, maxSizeBytes }))
  response.setHeader('Accept-Patch', `${PARTIAL_UPLOAD}, ${UPLOAD_CONTENT_TYPE}`)
  response.setHeader('Tus-Version', TUS_VERSION)
  if (extensions.length > 0) response.setHeader('Tus-Extension', extensions.join(','))
  if (verifies) response.setHeader('Tus-Checksum-Algorithm', DIGEST_NAMES.join(','))
  if (maxSizeBytes !== undefined) response.setHeader('Tus-Max-Size', maxSizeBytes)
  // 200 and not 204: Apple's upload tasks accept nothing else (both are right by C-29).
  response.writeHead(200, { 'Content-Length': 0 }).end()
}
