import { TuskerError } from '../../core/errors.ts'
import { createUploadId } from '../../core/upload-id.ts'
import type { UploadInfo } from '../../core/upload.ts'
import { beginUpload, requireOpenLocation } from '../create-upload.ts'
import { hasBody } from '../request-headers.ts'
import type { TusServerOptions } from '../tus-context.ts'
import { sendOutcome } from './outcome.ts'
import { PAST_END, inconsistentLength } from './problems.ts'
import { fileMetadataOf, requirePlainContent } from './representation-metadata.ts'
import { announcedLengthOf, bodyBytesOf, creationCompletes } from './request-fields.ts'
import { creationLimitOf, setUploadComplete, uploadLimitOf } from './response-fields.ts'
import type { RufhRequest } from './rufh-context.ts'
import { type LengthClaims, agreedLength, isPastEnd } from './upload-lengths.ts'
import { writeContent } from './write-content.ts'

/** Upload creation: POST on a collection, with all of the file, a piece of it, or nothing yet. */
export async function createUpload(options: TusServerOptions, exchange: RufhRequest): Promise<void> {
  const { request, response, dialect, interim } = exchange
  setUploadComplete(response, dialect, false)
  response.setHeader('Upload-Limit', creationLimitOf(options, dialect))
  requireOpenLocation(options)
  requirePlainContent(exchange)
  const completes = creationCompletes(exchange)
  const claims = { completes, announcedBytes: announcedLengthOf(request), bodyBytes: bodyBytesOf(request) }
  const info = creationOf(options, exchange, claims)
  // What a 104 tells of must be found after a crash too: then the upload is recorded before its bytes.
  const bodyFollows = hasBody(request) && !interim.areOn
  const upload = await beginUpload(options, exchange, { info, bodyFollows }, async (begun) => {
    interim.announce(options.uploadUrl(request, info.id), uploadLimitOf(begun.upload, options, dialect))
    return await writeContent(options, { ...exchange, id: info.id }, begun, completes)
  })
  sendOutcome(options, { ...exchange, id: info.id }, { upload, completes, unfinishedStatus: 201 })
}

/** @throws TuskerError for lengths that can't be, before anything is created */
function creationOf(
  options: TusServerOptions,
  { request, dialect }: RufhRequest,
  claims: LengthClaims,
): UploadInfo {
  const lengthBytes = agreedLength({ offsetBytes: 0, lengthBytes: undefined }, claims)
  if (isPastEnd(0, lengthBytes, claims)) throw inconsistentLength(PAST_END)
  if (Math.max(lengthBytes ?? 0, claims.bodyBytes ?? 0) > (options.maxSizeBytes ?? Infinity)) {
    throw new TuskerError('ERR_MAX_SIZE_EXCEEDED')
  }
  const isForGood = claims.completes || dialect.lengthCompletes
  return {
    id: createUploadId(),
    lengthBytes: isForGood ? lengthBytes : undefined,
    announcedLengthBytes: isForGood ? undefined : lengthBytes,
    ...fileMetadataOf(request),
    createdAt: new Date(options.clock()),
  }
}
