import Uppy, { type Body, type Meta } from '@uppy/core'
import Dashboard from '@uppy/dashboard'
import GoldenRetriever from '@uppy/golden-retriever'
import Tus from '@uppy/tus'
import '@uppy/core/css/style.min.css'
import '@uppy/dashboard/css/style.min.css'
import { formatBytes } from './format-bytes.ts'
import { TEXTS, UPPY_STRINGS } from './texts.ts'

/** Uppy, as this page uses it. */
export type Uploader = Uppy<Meta, Body>

const MIB = 1024 ** 2

/** About two minutes in all; tus-js-client begins at the first one again whenever a byte got through. */
const RETRY_DELAYS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000]

/** A browser has six connections to a server: one is left for HEAD and downloads. */
const PARALLEL_UPLOADS = 5

/**
 * The browser keeps a copy of files up to these sizes, so that they are there again after a reload. Larger ones have
 * to be chosen again, and then go on from where they stopped too.
 */
const KEPT_FILES: {
  // Golden Retriever hands its options on to its store, but declares only the `name` of them.
  readonly name?: string
  readonly maxFileSize: number
  readonly maxTotalSize: number
} = { maxFileSize: 512 * MIB, maxTotalSize: 2048 * MIB }

/** As long as the links between a chosen file and its upload are worth something. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000

export interface UploaderOptions {
  readonly target: HTMLElement
  /** Where a file goes that is chosen now. Asked for each file. */
  readonly endpoint: () => string
  readonly maxSizeBytes: number | null
}

/** The upload area: choose or drop files, watch, pause, retry, and go on after a reload. */
export function createUploader({ target, endpoint, maxSizeBytes }: UploaderOptions): Uploader {
  const uppy: Uploader = new Uppy({
    id: 'tusker',
    restrictions: { maxFileSize: maxSizeBytes },
    locale: { strings: UPPY_STRINGS, pluralize: (count) => (count === 1 ? 0 : 1) },
  })
  // Fixed when the file is chosen, and kept with it over a reload: it never moves to another location half-way.
  uppy.on('file-added', ({ id }) => uppy.setFileState(id, { tus: { endpoint: endpoint() } }))
  uppy.use(Dashboard, {
    target,
    inline: true,
    width: '100%',
    height: 400,
    theme: 'auto',
    proudlyDisplayPoweredByUppy: false,
    note: maxSizeBytes === null ? null : TEXTS.maxSize(formatBytes(maxSizeBytes)),
    locale: { strings: UPPY_STRINGS },
  })
  uppy.use(Tus, {
    endpoint: endpoint(),
    retryDelays: RETRY_DELAYS_MS,
    limit: PARALLEL_UPLOADS,
    storeFingerprintForResuming: true,
    removeFingerprintOnSuccess: true,
    // The server reads these two; the rest of Uppy's own fields is of no use to it.
    allowedMetaFields: ['name', 'type'],
  })
  uppy.use(GoldenRetriever, {
    expires: KEPT_MS,
    indexedDB: KEPT_FILES,
  })
  return uppy
}
