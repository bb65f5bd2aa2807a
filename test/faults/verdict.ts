import type { ClientResult } from './client-run.ts'
import type { Content } from './content.ts'
import type { Lane } from './lane.ts'
import { deletePlainly, finishPlainly } from './plain-client.ts'
import { sendRequest } from './raw-request.ts'
import { type NamedMultiparts, type Remains, remainsOfAll, remainsOfComplete } from './remains.ts'
import { type UploadWatch, type WatchedUpload, idOf } from './upload-watch.ts'

export interface Trial {
  readonly lane: Lane
  readonly content: Content
  readonly watch: UploadWatch
  readonly named: NamedMultiparts
  /** Whether a multipart upload may have been orphaned: Tusker was killed, or a call beside its creation failed. */
  readonly mayOrphan: boolean
}

/** Looks whether every promise was kept, now that nothing goes wrong any more. Returns how many orphans are left. */
export async function judge(trial: Trial, result: ClientResult): Promise<number> {
  const { lane, watch } = trial
  trial.named.lookAtAll()
  const lastId = result.url === undefined ? undefined : idOf(result.url)
  const isDeleted = watch.uploads.get(lastId ?? '')?.isDeleted === true
  if (result.outcome === 'success' && lastId !== undefined && !isDeleted)
    watch.requireObject(lastId, 'The client reported success')
  for (const upload of watch.uploads.values()) {
    if (!upload.isDeleted)
      await (upload.id === lastId ? judgeLast(trial, upload) : judgeAbandoned(trial, upload))
    await requireDeletion(trial, upload)
  }
  await deleteUnknown(trial)
  const orphans = reportRemains(trial, remainsOfAll(lane, trial.named))
  for (const name of await lane.temporaryFiles()) watch.violated(`The temporary file ${name} is left`)
  return orphans
}

/** The upload that the client worked on can be finished, and is whole then. */
async function judgeLast(trial: Trial, upload: WatchedUpload): Promise<void> {
  const { watch, content } = trial
  const end = await finishPlainly({ watch, url: upload.url, content })
  if (end === 'failed') watch.violated('The upload can not be finished')
  if (end === 'gone' && !upload.wasAborted) watch.violated('The upload is gone')
  if (end !== 'complete') return
  watch.requireObject(upload.id, 'HEAD says that the upload is complete')
  await requireDownload(trial, upload)
  reportRemains(trial, remainsOfComplete(trial.lane, upload.id, trial.named))
}

async function requireDownload({ watch, content }: Trial, { url }: WatchedUpload): Promise<void> {
  const answer = await sendRequest(watch, { method: 'GET', url, headers: {} })
  const isWhole = answer?.sizeBytes === content.bytes.byteLength && answer.sha256 === content.sha256
  if (answer?.status !== 200 || !isWhole)
    watch.violated(
      `GET of the finished upload: ${answer?.status}, ${answer?.sizeBytes} bytes, whole: ${isWhole}`,
    )
}

/** An upload that the client has lost sight of is still there, for whoever knows its URL. */
async function judgeAbandoned({ watch }: Trial, { url, wasAborted }: WatchedUpload): Promise<void> {
  const head = await sendRequest(watch, { method: 'HEAD', url, headers: {} })
  const isGone = head?.status === 404 || head?.status === 410
  if (head?.status !== 200 && head?.status !== 423 && !(wasAborted && isGone))
    watch.violated(`HEAD of an upload that was given up: ${head?.status}`)
}

async function requireDeletion({ watch }: Trial, { url, id, isDeleted }: WatchedUpload): Promise<void> {
  const end = await deletePlainly({ watch, url })
  // One that a DELETE has reached already may be gone.
  if (end === 'failed' || (end === 'missing' && !isDeleted)) watch.violated(`DELETE of ${id}: ${end}`)
  const head = await sendRequest(watch, { method: 'HEAD', url, headers: {} })
  if (head?.status !== 404) watch.violated(`HEAD of a deleted upload: ${head?.status}`)
}

/** Uploads whose Location got lost with the answer can be found by their keys, and expire or be deleted. */
async function deleteUnknown({ lane, watch }: Trial): Promise<void> {
  const ids = new Set([...lane.objects.keys()].map((key) => key.replace(/\..*$/, '')))
  for (const id of ids) {
    // What is left of one that was deleted is for the look at the remains.
    if (watch.uploads.has(id)) continue
    const end = await deletePlainly({ watch, url: `${lane.uploadsUrl}/s3/${id}` })
    if (end !== 'deleted') watch.violated(`DELETE of ${id}, which no client knows: ${end}`)
  }
}

function reportRemains({ watch, mayOrphan }: Trial, { faults, orphans }: Remains): number {
  for (const fault of faults) watch.violated(fault)
  if (!mayOrphan && orphans.length > 0)
    watch.violated(`${orphans.length} multipart uploads without a record are left, and nothing excuses that`)
  return orphans.length
}
