import { setTimeout as sleep } from 'node:timers/promises'
import type { InjectedFault } from '../support/s3-test-server/faults.ts'
import type { S3Request } from '../support/s3-test-server/server.ts'
import type { ClientResult, ClientRun } from './client-run.ts'
import { makeContent } from './content.ts'
import { Incidents } from './incidents.ts'
import type { Lane } from './lane.ts'
import { deletePlainly } from './plain-client.ts'
import { type RunPlan, makePlan } from './plan.ts'
import { type Hazard, LATEST_MS, type PlannedFault, toRule } from './planned-fault.ts'
import { runRawClient } from './raw-client-run.ts'
import { NamedMultiparts } from './remains.ts'
import { runTusJsClient } from './tus-js-client-run.ts'
import { UploadWatch } from './upload-watch.ts'
import { judge } from './verdict.ts'

/** How a run went. */
export interface RunReport {
  readonly plan: RunPlan
  readonly violations: readonly string[]
  readonly outcome: ClientResult['outcome'] | 'broken'
  /** Requests that met a fault. */
  readonly faultHits: number
  readonly kills: number
  readonly orphans: number
  readonly durationMs: number
  /** Everything that was asked and answered, with times. */
  readonly log: readonly string[]
}

const CLIENT_DEADLINE_MS = 120_000
const DELETE_UNDER_FAULTS_MS = 3_000
const QUIET_MS = 100
const QUIET_DEADLINE_MS = 5_000

/** Does one run on a lane that nobody else uses, and leaves the lane clean. */
export async function runSeed(lane: Lane, seed: number, hazards: ReadonlySet<Hazard>): Promise<RunReport> {
  return await new SeedRun(lane, makePlan(seed, hazards)).run()
}

class SeedRun {
  readonly #lane: Lane
  readonly #plan: RunPlan
  readonly #watch: UploadWatch
  readonly #named: NamedMultiparts
  readonly #incidents: Incidents
  readonly #content: ReturnType<typeof makeContent>
  readonly #stop = new AbortController()
  readonly #startedMs = Date.now()
  readonly #log: string[] = []
  #injected: readonly { readonly planned: PlannedFault; readonly injected: InjectedFault }[] = []
  #deletes = false
  #orphans = 0

  constructor(lane: Lane, plan: RunPlan) {
    const log = (line: string): void => void this.#log.push(`${Date.now() - this.#startedMs} ${line}`)
    this.#lane = lane
    this.#plan = plan
    this.#content = makeContent(plan.seed, plan.sizeBytes)
    this.#named = new NamedMultiparts(lane)
    this.#watch = new UploadWatch({
      content: this.#content,
      findObject: (id) => lane.objects.get(id)?.body,
      log,
    })
    const onDelete = (): void => {
      this.#deletes = true
      this.#stop.abort()
    }
    this.#incidents = new Incidents({ lane, plan, watch: this.#watch, onDelete, log })
  }

  async run(): Promise<RunReport> {
    let outcome: RunReport['outcome'] = 'broken'
    try {
      await this.#lane.ready()
      this.#arm()
      const result = await this.#upload()
      outcome = result.outcome
      if (this.#deletes && result.url !== undefined)
        await deletePlainly({ watch: this.#watch, url: result.url }, DELETE_UNDER_FAULTS_MS)
      await this.#lift()
      this.#orphans = await judge({ ...this.#trial(), mayOrphan: this.#mayOrphan() }, result)
    } catch (error) {
      this.#watch.violated(`The run broke: ${error instanceof Error ? error.stack : String(error)}`)
    }
    await this.#tidy()
    return this.#report(outcome)
  }

  #trial() {
    return { lane: this.#lane, content: this.#content, watch: this.#watch, named: this.#named }
  }

  #arm(): void {
    this.#lane.listen({
      arrived: () => this.#incidents.requestArrived(),
      answered: (request) => this.#heard(request),
    })
    this.#lane.line.watch((totalBytes) => this.#incidents.clientSent(totalBytes))
    const { faults } = this.#lane.s3
    this.#injected = this.#plan.faults.map((planned) => ({
      planned,
      injected: faults.inject(toRule(planned)),
    }))
    const aheadMs = this.#plan.clockAheadMs
    if (aheadMs !== 0)
      faults.inject({ times: Number.POSITIVE_INFINITY, fault: { kind: 'clock-skew', aheadMs } })
  }

  #heard({ operation, key, partNumber, bytesReceived, status }: S3Request): void {
    const part = partNumber === undefined ? '' : ` part ${partNumber}`
    this.#log.push(
      `${Date.now() - this.#startedMs}   S3 ${operation} ${key}${part} ${bytesReceived} bytes -> ${status}`,
    )
    if (key.endsWith('.info')) this.#named.look(key)
    this.#incidents.requestAnswered()
  }

  async #upload(): Promise<ClientResult> {
    const deadline = setTimeout(() => {
      this.#watch.violated(`The client did not come to an end within ${CLIENT_DEADLINE_MS} ms`)
      this.#stop.abort()
    }, CLIENT_DEADLINE_MS)
    const run: ClientRun = {
      plan: this.#plan,
      content: this.#content,
      uploadsUrl: this.#lane.uploadsUrl,
      watch: this.#watch,
      signal: this.#stop.signal,
    }
    try {
      return await (this.#plan.client === 'raw' ? runRawClient(run) : runTusJsClient(run))
    } finally {
      clearTimeout(deadline)
    }
  }

  /** From here on nothing goes wrong; what was only late has landed. */
  async #lift(): Promise<void> {
    this.#incidents.stop()
    this.#lane.s3.faults.clear()
    this.#lane.line.heal()
    await this.#lane.ready()
    const isLate = this.#injected.some(
      ({ planned: { fault }, injected }) => injected.hits > 0 && fault.kind === 'apply-later',
    )
    if (isLate) await sleep(LATEST_MS)
    await this.#quiet()
    this.#log.push(`${Date.now() - this.#startedMs} * all faults lifted`)
  }

  /** Requests whose client is gone may still be served. */
  async #quiet(): Promise<void> {
    const deadline = Date.now() + QUIET_DEADLINE_MS
    for (let seen = -1; seen !== this.#lane.s3.requests.length && Date.now() < deadline;) {
      seen = this.#lane.s3.requests.length
      await sleep(QUIET_MS)
    }
  }

  /** A kill, or a failure of what writes the new id down. */
  #mayOrphan(): boolean {
    const hits = this.#injected.filter(({ injected }) => injected.hits > 0)
    return (
      this.#incidents.kills > 0 ||
      hits.some(({ planned: { operation = 'CreateMultipartUpload' } }) =>
        ['CreateMultipartUpload', 'PutObject'].includes(operation),
      )
    )
  }

  async #tidy(): Promise<void> {
    this.#incidents.stop()
    this.#lane.listen()
    this.#lane.line.watch(() => undefined)
    this.#lane.line.heal()
    this.#lane.s3.faults.clear()
    await this.#lane.ready()
    this.#lane.wipe()
  }

  #report(outcome: RunReport['outcome']): RunReport {
    return {
      plan: this.#plan,
      violations: this.#watch.violations,
      outcome,
      faultHits: this.#injected.reduce((sum, { injected }) => sum + injected.hits, 0),
      kills: this.#incidents.kills,
      orphans: this.#orphans,
      durationMs: Date.now() - this.#startedMs,
      log: this.#log,
    }
  }
}
