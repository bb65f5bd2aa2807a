import type { Lane } from './lane.ts'
import type { Moment, PlannedIncident, RunPlan } from './plan.ts'
import type { UploadWatch } from './upload-watch.ts'

interface IncidentsOptions {
  readonly lane: Lane
  readonly plan: RunPlan
  readonly watch: UploadWatch
  /** The client is to give up, since the upload is going to be deleted. */
  readonly onDelete: () => void
  readonly log: (line: string) => void
}

/** Lets a plan's incidents happen at their moments, each once. */
export class Incidents {
  readonly #options: IncidentsOptions
  #pending: readonly PlannedIncident[]
  #s3Requests = 0
  kills = 0

  constructor(options: IncidentsOptions) {
    this.#options = options
    this.#pending = options.plan.incidents
  }

  clientSent(totalBytes: number): void {
    this.#strike((when) => 'afterClientBytes' in when && totalBytes >= when.afterClientBytes)
  }

  requestArrived(): void {
    this.#s3Requests += 1
    this.#strikeAtRequest('arrives')
  }

  requestAnswered(): void {
    this.#strikeAtRequest('answered')
  }

  /** Nothing happens any more. */
  stop(): void {
    this.#pending = []
  }

  #strikeAtRequest(phase: 'arrives' | 'answered'): void {
    this.#strike(
      (when) => 'atS3Request' in when && when.phase === phase && this.#s3Requests >= when.atS3Request,
    )
  }

  #strike(isDue: (when: Moment) => boolean): void {
    const due = this.#pending.filter(({ when }) => isDue(when))
    if (due.length === 0) return
    this.#pending = this.#pending.filter((incident) => !due.includes(incident))
    for (const incident of due) this.#happen(incident)
  }

  #happen(incident: PlannedIncident): void {
    const { lane, onDelete, log } = this.#options
    log(`* ${JSON.stringify(incident)}`)
    switch (incident.what) {
      case 'kill':
        this.kills += 1
        lane.kill(incident.downMs)
        break
      case 'cut':
        lane.line.cut()
        break
      case 'lose-answer':
        lane.line.loseNextAnswer()
        break
      case 'abort-multipart':
        this.#abortMultipart()
        break
      case 'delete':
        onDelete()
        break
    }
  }

  #abortMultipart(): void {
    const { lane, watch } = this.#options
    for (const { key } of lane.multipartUploads) {
      watch.aborted(key)
      lane.abortMultipartUpload(key)
    }
  }
}
