import { type Hazard, type PlannedFault, planFault } from './planned-fault.ts'
import { Random } from './random.ts'

const MIB = 1024 ** 2
const PART_BYTES = 5 * MIB

/** When something happens: after so many bytes from the client, or at the n-th request that S3 gets. */
export type Moment =
  | { readonly afterClientBytes: number }
  /** `arrives`: before it is done. `answered`: it is done, but the answer is not on its way yet. */
  | { readonly atS3Request: number; readonly phase: 'arrives' | 'answered' }

/** What happens from outside while a client uploads. */
type Incident =
  | { readonly what: 'kill'; readonly downMs: number }
  /** Every connection of the client is reset. */
  | { readonly what: 'cut' }
  /** The next answer to the client is lost with its connection. */
  | { readonly what: 'lose-answer' }
  | { readonly what: 'abort-multipart' }
  /** The client gives up for good, and the upload is deleted while faults go on. */
  | { readonly what: 'delete' }

export type PlannedIncident = { readonly when: Moment } & Incident

/** Everything about a run that is decided before it: made from its seed alone. */
export interface RunPlan {
  readonly seed: number
  readonly sizeBytes: number
  readonly client: 'tus-js-client' | 'raw'
  /** Infinity: all that is left in one PATCH. */
  readonly chunkSizeBytes: number
  readonly deferLength: boolean
  readonly uploadDuringCreation: boolean
  readonly clockAheadMs: number
  readonly faults: readonly PlannedFault[]
  readonly incidents: readonly PlannedIncident[]
}

export function makePlan(seed: number, hazards: ReadonlySet<Hazard>): RunPlan {
  const random = new Random(seed)
  const faults = Array.from({ length: chooseFaultCount(random) }, () => planFault(random, hazards))
  // A part can only fail among its siblings if there are some, and if one request brings them.
  const siblings = Math.max(0, ...faults.map(({ partNumber = -2 }) => partNumber + 2))
  const sizeBytes = Math.max(chooseSize(random), siblings * PART_BYTES - random.integer(0, PART_BYTES - 1))
  return {
    seed,
    sizeBytes,
    client: random.chance(0.4) ? 'tus-js-client' : 'raw',
    chunkSizeBytes:
      siblings > 0 && random.chance(0.7) ? Number.POSITIVE_INFINITY : chooseChunkSize(random, sizeBytes),
    deferLength: random.chance(0.25),
    uploadDuringCreation: random.chance(0.35),
    clockAheadMs: hazards.has('clock-skew') && random.chance(0.06) ? chooseSkew(random) : 0,
    faults,
    incidents: planIncidents(random, sizeBytes),
  }
}

function chooseFaultCount(random: Random): number {
  return random.weighted([
    [1, 0],
    [3, 1],
    [3, 2],
    [2, 3],
    [1, 4],
  ])
}

/** Sizes at which something changes in the engine come more often than others. */
function chooseSize(random: Random): number {
  const aroundParts =
    random.weighted([
      [4, 1],
      [3, 2],
      [2, 3],
      [1, 4],
    ]) *
      PART_BYTES +
    random.pick([-1, 0, 1, -17, 4096])
  return random.weighted([
    [0.5, 0],
    [0.5, 1],
    [1, random.integer(2, 500)],
    [1, 1024],
    [2, random.integer(1025, PART_BYTES - 2)],
    [6, aroundParts],
    [6, random.integer(PART_BYTES, 12 * MIB)],
    [2, random.integer(12 * MIB, 24 * MIB)],
  ])
}

function chooseChunkSize(random: Random, sizeBytes: number): number {
  const chosen = random.weighted([
    [3, Number.POSITIVE_INFINITY],
    [1, MIB],
    [2, PART_BYTES],
    [1, PART_BYTES + 1],
    [1, PART_BYTES - 1],
    [3, random.integer(1, 8 * MIB)],
    [2, random.integer(1, Math.max(1, sizeBytes))],
  ])
  // More than some twenty requests for a file make a run long and find nothing new.
  return Math.max(chosen, Math.ceil(sizeBytes / 20), 1)
}

/** Off by more than the 15 minutes that S3 allows. */
function chooseSkew(random: Random): number {
  return random.pick([-1, 1]) * random.integer(16, 600) * 60_000
}

function planIncidents(random: Random, sizeBytes: number): PlannedIncident[] {
  const incidents: PlannedIncident[] = []
  const plan = (times: number, incident: () => Incident): void => {
    for (let count = 0; count < times; count += 1) {
      incidents.push({ when: chooseMoment(random, sizeBytes), ...incident() })
    }
  }
  const kills = random.weighted([
    [14, 0],
    [5, 1],
    [1, 2],
  ])
  plan(kills, () => ({ what: 'kill', downMs: random.pick([0, 0, 100, 300]) }))
  plan(random.integer(0, 5) === 0 ? random.integer(1, 3) : 0, () => ({ what: 'cut' }))
  plan(random.integer(0, 5) === 0 ? random.integer(1, 3) : 0, () => ({ what: 'lose-answer' }))
  plan(random.chance(0.06) ? 1 : 0, () => ({ what: 'abort-multipart' }))
  plan(random.chance(0.12) ? 1 : 0, () => ({ what: 'delete' }))
  return incidents
}

function chooseMoment(random: Random, sizeBytes: number): Moment {
  if (random.chance(0.4)) return { afterClientBytes: random.integer(0, sizeBytes) }
  return {
    atS3Request: random.integer(1, random.pick([6, 14, 30])),
    phase: random.pick(['arrives', 'answered']),
  }
}
