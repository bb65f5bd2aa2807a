import type { IncomingMessage } from 'node:http'
import { headerOf } from '../request-headers.ts'
import { parseCount } from './structured-fields.ts'

/** How one version of draft-ietf-httpbis-resumable-upload differs on the wire from the others. */
export interface Dialect {
  /** The interop version; undefined for clients that name none that we know: they get no 104. */
  readonly version: number | undefined
  /** Says whether the request ends the upload; `Upload-Incomplete` says the contrary. */
  readonly completeField: 'Upload-Complete' | 'Upload-Incomplete'
  /** What a PATCH without that field means. */
  readonly omittedMeans: 'complete' | 'incomplete' | 'nothing'
  /** Whether a PATCH must be application/partial-upload. */
  readonly needsPartialUpload: boolean
  /** Whether the upload is complete when it has reached Upload-Length, whatever its client says. */
  readonly lengthCompletes: boolean
  /** The answer to a PATCH that does not end the upload. */
  readonly appendStatus: 201 | 204
  /** The key in Upload-Limit for how long the upload lives. */
  readonly ageKey: 'expires' | 'max-age'
  /** Whether HEAD and DELETE with fields of the upload's state must be refused. */
  readonly refusesStateFields: boolean
}

const DRAFTS_01_TO_05 = { appendStatus: 201, ageKey: 'expires', refusesStateFields: true } as const
const DRAFTS_02_TO_05 = {
  ...DRAFTS_01_TO_05,
  completeField: 'Upload-Complete',
  // Drafts -02 to -05 say nothing, and their examples mean "not complete" by it.
  omittedMeans: 'incomplete',
} as const
const SINCE_DRAFT_06 = {
  completeField: 'Upload-Complete',
  omittedMeans: 'nothing',
  needsPartialUpload: true,
  lengthCompletes: false,
  appendStatus: 204,
  ageKey: 'max-age',
  refusesStateFields: false,
} as const

/** In the order of their interop versions. */
const DIALECTS: readonly Dialect[] = [
  // draft-01
  {
    version: 3,
    ...DRAFTS_01_TO_05,
    completeField: 'Upload-Incomplete',
    omittedMeans: 'complete',
    needsPartialUpload: false,
    lengthCompletes: false,
  },
  // draft-02
  { version: 4, ...DRAFTS_02_TO_05, needsPartialUpload: false, lengthCompletes: false },
  // draft-03. Of the next two is tus-js-client 4: on Node its last piece of a file says ?0 (lib/node/sources/FileSource.js
  // takes the piece's size for its end), an empty file has no other request than that, and it takes the length for the
  // end, as tusd does. By the letter of draft-05 its files would be lost.
  { version: 5, ...DRAFTS_02_TO_05, needsPartialUpload: false, lengthCompletes: true },
  // draft-04, -05
  { version: 6, ...DRAFTS_02_TO_05, needsPartialUpload: true, lengthCompletes: true },
  // draft-06 to -08
  { version: 7, ...SINCE_DRAFT_06 },
  // draft-09 to -11
  { version: 8, ...SINCE_DRAFT_06 },
  // draft-12
  { version: 9, ...SINCE_DRAFT_06 },
]

/** For clients without a version, as those of the RFC will be, and for versions that are not known here. */
export const UNVERSIONED: Dialect = { version: undefined, ...SINCE_DRAFT_06 }

/**
 * The dialect of a request; undefined for one of tus, or of no protocol. Tus-Resumable decides, whatever else is there:
 * TUSKit, on top of URLSession, sends both.
 */
export function dialectOf(request: IncomingMessage): Dialect | undefined {
  if (headerOf(request, 'tus-resumable') !== undefined) return undefined
  const named = headerOf(request, 'upload-draft-interop-version')
  const version = parseCount(named)
  const known = version === undefined ? undefined : DIALECTS.find((dialect) => dialect.version === version)
  if (known) return known
  const isMarked = named !== undefined || headerOf(request, 'upload-complete') !== undefined
  return isMarked ? UNVERSIONED : undefined
}
