import { parseUploadId } from '../../../core/upload-id.ts'
import type { CallOptions, StoredUpload } from '../../../core/upload-store.ts'
import type { S3Bucket } from './bucket.ts'
import { type ListedObject, listObjects } from './object-calls.ts'

/** Of everything that an upload can have: its object, its record, its tail. */
const UPLOAD_KEY = /^([0-9a-f]{32})(|\.info|\.part(?:\.\d+)?)$/

interface UploadObjects {
  readonly id: string
  /** By what comes behind the id. */
  readonly bySuffix: ReadonlyMap<string, ListedObject>
}

/** Every upload in the bucket: in the order of keys, so that what belongs to one comes in one go. */
export async function* listUploads(bucket: S3Bucket, options: CallOptions): AsyncIterable<StoredUpload> {
  for await (const { id, bySuffix } of groupByUpload(listObjects(bucket, '', options))) {
    const uploadId = parseUploadId(id)
    const record = bySuffix.get('.info') ?? bySuffix.get('')
    if (uploadId === undefined || record === undefined) continue
    const hasTail = [...bySuffix.keys()].some((suffix) => suffix.startsWith('.part'))
    const isComplete = bySuffix.has('') && !hasTail
    yield { id: uploadId, recordedAt: record.modifiedAt, isComplete }
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
