import type { UploadId } from '../../core/upload-id.ts'
import type { TusRequest } from '../tus-context.ts'
import type { Dialect } from './dialects.ts'
import type { InterimResponses } from './interim-responses.ts'

/** One request of the IETF protocol. */
export interface RufhRequest extends TusRequest {
  readonly dialect: Dialect
  readonly interim: InterimResponses
}

/** A request on an upload. */
export interface RufhUploadRequest extends RufhRequest {
  readonly id: UploadId
}
