import type { MultipartUpload } from '../support/s3-test-server/state.ts'
import type { Lane } from './lane.ts'

/**
 * Which multipart uploads a record has named so far. One that no record ever named is an orphan: nothing can find it
 * again after a crash (src/storage/drivers/s3/start-multipart.ts), and it is to be empty then.
 */
export class NamedMultiparts {
  readonly #lane: Lane
  readonly #ids = new Set<string>()

  constructor(lane: Lane) {
    this.#lane = lane
  }

  look(key: string): void {
    const id = this.#lane.objects.get(key)?.headers['x-amz-meta-upload-id']
    if (id !== undefined) this.#ids.add(id)
  }

  lookAtAll(): void {
    for (const key of this.#lane.objects.keys()) if (key.endsWith('.info')) this.look(key)
  }

  has(uploadId: string): boolean {
    return this.#ids.has(uploadId)
  }
}

/** What must not be there any more. */
export interface Remains {
  readonly faults: readonly string[]
  readonly orphans: readonly MultipartUpload[]
}

/** What is left of one upload that is complete, beside its object and its record. */
export function remainsOfComplete(lane: Lane, id: string, named: NamedMultiparts): Remains {
  const keys = [...lane.objects.keys()].filter((key) => key.startsWith(id))
  const surplus = keys.filter((key) => key !== id && key !== `${id}.info`)
  return judge(
    surplus,
    lane.multipartUploads.filter(({ key }) => key === id),
    named,
  )
}

/** What is left when every upload is deleted. */
export function remainsOfAll(lane: Lane, named: NamedMultiparts): Remains {
  return judge([...lane.objects.keys()], lane.multipartUploads, named)
}

function judge(
  keys: readonly string[],
  uploads: readonly MultipartUpload[],
  named: NamedMultiparts,
): Remains {
  const orphans = uploads.filter((upload) => !named.has(upload.uploadId) && bytesOf(upload) === 0)
  const lost = uploads.filter((upload) => !orphans.includes(upload))
  return {
    faults: [
      ...keys.map((key) => `The object ${key} is left`),
      ...lost.map(
        (upload) => `A multipart upload of ${upload.key} is left, with ${bytesOf(upload)} bytes in its parts`,
      ),
    ],
    orphans,
  }
}

function bytesOf({ parts }: MultipartUpload): number {
  return [...parts.values()].reduce((sum, { body }) => sum + body.byteLength, 0)
}
