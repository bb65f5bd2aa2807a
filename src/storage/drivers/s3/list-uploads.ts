import { type UploadId, parseUploadId } from '../../../core/upload-id.ts'
import type { CallOptions, StoredUpload } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import { type ListedObject, listObjects } from './object-calls.ts'

/** Of everything that an upload can have: its object, its record, its tail, its marks. */
const UPLOAD_KEY = /^([0-9a-f]{32})(|\.info|\.part(?:\.\d+)?|\.partial|\.used|\.pending)$/

const TAIL_SUFFIX = /^\.part(?:\.\d+)?$/

interface UploadObjects {
  readonly id: string
  /** By what comes behind the id. */
  readonly bySuffix: ReadonlyMap<string, ListedObject>
}

/** Every upload in the bucket: in the order of keys, so that what belongs to one comes in one go. */
export async function* listUploads(bucket: S3Bucket, options: CallOptions): AsyncIterable<StoredUpload> {
  for await (const { id, bySuffix } of groupByUpload(listObjects(bucket, '', options))) {
    const uploadId = parseUploadId(id)
    const listed = uploadId && describe(uploadId, bySuffix)
    if (listed) yield listed
  }
}

/** Undefined for bytes without a record; a mark without one is left of an upload that was never recorded, to be removed. */
function describe(id: UploadId, bySuffix: ReadonlyMap<string, ListedObject>): StoredUpload | undefined {
  const record = bySuffix.get('.info') ?? bySuffix.get('') ?? bySuffix.get('.partial')
  if (record === undefined) return undefined
  const object = bySuffix.get('')
  const hasTail = [...bySuffix.keys()].some((suffix) => TAIL_SUFFIX.test(suffix))
  const partial = bySuffix.has('.partial') && {
    finishedAt: object?.modifiedAt,
    usedAt: bySuffix.get('.used')?.modifiedAt,
  }
  return {
    id,
    recordedAt: record.modifiedAt,
    isComplete: object !== undefined && !hasTail,
    ...(partial && { partial }),
    ...(bySuffix.has('.pending') && { isPending: true }),
  }
}

async function* groupByUpload(objects: AsyncIterable<ListedObject>): AsyncIterable<UploadObjects> {
  let group: { id: string; bySuffix: Map<string, ListedObject> } | undefined
  for await (const object of objects) {
    const [, id, suffix = ''] = UPLOAD_KEY.exec(object.key) ?? []
    if (id === undefined) continue
    if (group && group.id !== id) yield group
    if (group?.id !== id) group = { id, bySuffix: new Map() }
    group.bySuffix.set(suffix, object)
  }
  if (group) yield group
}
