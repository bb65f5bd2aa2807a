import type { UploadId } from '../../core/upload-id.ts'
import type { FinalUploadInfo } from '../../core/upload.ts'

/** More are found by the clean-up, or when somebody asks for them. */
const MAX_FINALS = 1_000

/** Final uploads that wait for their partial ones, as far as this process knows: who waits for what. */
export class PendingFinals {
  /** The oldest first. */
  readonly #finals = new Map<UploadId, FinalUploadInfo>()
  readonly #waitingFor = new Map<UploadId, Set<UploadId>>()

  add(info: FinalUploadInfo): void {
    this.#finals.set(info.id, info)
    for (const partialId of info.concat.partialIds) {
      const waiting = this.#waitingFor.get(partialId) ?? new Set()
      this.#waitingFor.set(partialId, waiting.add(info.id))
    }
    const [oldest] = this.#finals.keys()
    if (this.#finals.size > MAX_FINALS && oldest !== undefined) this.delete(oldest)
  }

  delete(id: UploadId): void {
    const partialIds = this.#finals.get(id)?.concat.partialIds ?? []
    this.#finals.delete(id)
    for (const partialId of partialIds) {
      const waiting = this.#waitingFor.get(partialId)
      waiting?.delete(id)
      if (waiting?.size === 0) this.#waitingFor.delete(partialId)
    }
  }

  /** Those that want this partial upload. */
  waitingFor(partialId: UploadId): readonly FinalUploadInfo[] {
    return [...(this.#waitingFor.get(partialId) ?? [])].flatMap((id) => this.#finals.get(id) ?? [])
  }
}
