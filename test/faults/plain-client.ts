import { setTimeout as sleep } from 'node:timers/promises'
import type { Content } from './content.ts'
import { type RawAnswer, sendRequest } from './raw-request.ts'
import type { UploadWatch } from './upload-watch.ts'

const DEADLINE_MS = 25_000
const PAUSE_MS = 50

interface PlainRequest {
  readonly watch: UploadWatch
  readonly url: string
}

/** Finishes an upload as the simplest client would, with nothing going wrong any more. */
export async function finishPlainly({
  watch,
  url,
  content,
}: PlainRequest & { readonly content: Content }): Promise<'complete' | 'gone' | 'failed'> {
  const deadline = Date.now() + DEADLINE_MS
  while (Date.now() < deadline) {
    const head = await sendRequest(watch, { method: 'HEAD', url, headers: {} })
    if (head?.status === 404 || head?.status === 410) return 'gone'
    if (head?.status === 200) {
      const isLengthKnown = head.header('upload-length') !== undefined
      const offset = Number(head.header('upload-offset'))
      if (isLengthKnown && offset === content.bytes.byteLength) return 'complete'
      await append({ watch, url, content, offset, isLengthKnown })
    }
    await sleep(head?.status === 200 ? 0 : PAUSE_MS)
  }
  return 'failed'
}

async function append(
  upload: PlainRequest & {
    readonly content: Content
    readonly offset: number
    readonly isLengthKnown: boolean
  },
): Promise<void> {
  const { watch, url, content, offset, isLengthKnown } = upload
  const bytes = content.bytes.subarray(offset)
  const answer = await sendRequest(watch, {
    method: 'PATCH',
    url,
    headers: {
      'Content-Type': 'application/offset+octet-stream',
      'Content-Length': String(bytes.byteLength),
      'Upload-Offset': String(offset),
      ...(!isLengthKnown && { 'Upload-Length': String(content.bytes.byteLength) }),
    },
    body: { bytes, pieceSizes: [1024 ** 2] },
  })
  if (answer?.status !== 204) await sleep(PAUSE_MS)
}

/** Deletes an upload; tries again until it is gone or time is up. */
export async function deletePlainly(
  { watch, url }: PlainRequest,
  deadlineMs = DEADLINE_MS,
): Promise<'deleted' | 'missing' | 'failed'> {
  const deadline = Date.now() + deadlineMs
  do {
    const answer: RawAnswer | undefined = await sendRequest(watch, { method: 'DELETE', url, headers: {} })
    if (answer?.status === 204) return 'deleted'
    if (answer?.status === 404) return 'missing'
    await sleep(PAUSE_MS)
  } while (Date.now() < deadline)
  return 'failed'
}
