import type { Fault, FaultRule } from '../support/s3-test-server/faults.ts'
import type { Random } from './random.ts'

/** Which of an upload's objects a fault is for (docs/architecture.md, "An upload in S3"). */
type Target = 'object' | 'record' | 'tail'

/** A FaultRule that can be printed. */
export interface PlannedFault {
  readonly operation: string | undefined
  readonly target: Target | undefined
  readonly partNumber: number | undefined
  readonly skip: number
  readonly times: number
  readonly fault: Fault
}

/**
 * Faults that contradict what S3 promises, or that wait for the engine to learn them; off unless asked for.
 * - stale-listing: S3 is strongly consistent since 2020; some compatible stores are not.
 * - lying-404: "there is no such key or upload" although there is: S3 never says that, and nothing can be held against it.
 * - late-put: a PutObject that timed out lands after a newer one of the same key.
 * - clock-skew: the store's clock is off by more than the 15 minutes that signatures allow.
 */
export const HAZARDS = ['stale-listing', 'lying-404', 'late-put', 'clock-skew'] as const
export type Hazard = (typeof HAZARDS)[number]

/** What the random plan has without being asked. */
export const DEFAULT_HAZARDS: readonly Hazard[] = ['clock-skew']

/** Longer than the socket timeout that a lane sets: the caller has given up by then. */
const LATE_MS = 1_600

/** The longest that a request goes on after its caller gave up. */
export const LATEST_MS = 2_000

export function planFault(random: Random, hazards: ReadonlySet<Hazard>): PlannedFault {
  return random.chance(0.25) ? planLastingFault(random) : planPassingFault(random, hazards)
}

/**
 * What retries do not get over: a part that fails while its siblings are stored, a Complete that never works, a record
 * that can't be written. Chance would have it too rarely.
 */
function planLastingFault(random: Random): PlannedFault {
  const operation = random.weighted([
    [4, 'UploadPart'],
    [3, 'CompleteMultipartUpload'],
    [2, 'PutObject'],
    [1, 'CreateMultipartUpload'],
    [1, 'DeleteObject'],
  ])
  // The engine tries again after a 500, not after a 403.
  const isFinal = random.chance(0.5)
  return {
    operation,
    target: undefined,
    partNumber: operation === 'UploadPart' ? random.integer(1, 3) : undefined,
    skip: random.pick([0, 0, 1]),
    times: isFinal ? random.integer(1, 2) : random.integer(5, 10),
    fault: isFinal
      ? { kind: 'status', status: 403, code: 'AccessDenied' }
      : random.pick<Fault>([
          { kind: 'status', status: 500, code: 'InternalError' },
          { kind: 'reset-after-body' },
          { kind: 'answer-lost' },
        ]),
  }
}

function planPassingFault(random: Random, hazards: ReadonlySet<Hazard>): PlannedFault {
  const operation = random.weighted<string | undefined>([
    [6, 'UploadPart'],
    [3, 'CompleteMultipartUpload'],
    [4, 'PutObject'],
    [2, 'CreateMultipartUpload'],
    [2, 'ListParts'],
    [2, 'HeadObject'],
    [2, 'GetObject'],
    [2, 'DeleteObject'],
    [1, 'AbortMultipartUpload'],
    [2, undefined],
  ])
  return {
    operation,
    target: OBJECT_CALLS.has(operation ?? '')
      ? random.pick([undefined, 'object', 'record', 'tail'])
      : undefined,
    partNumber: operation === 'UploadPart' && random.chance(0.3) ? random.integer(1, 4) : undefined,
    skip: random.weighted([
      [5, 0],
      [2, 1],
      [1, 2],
      [1, random.integer(3, 8)],
    ]),
    // Five attempts are all that the engine makes of one call.
    times: random.weighted([
      [5, 1],
      [2, 2],
      [1, 4],
      [1, 5],
      [1, 6],
    ]),
    fault: chooseFault(random, operation, hazards),
  }
}

const OBJECT_CALLS = new Set(['PutObject', 'HeadObject', 'GetObject', 'DeleteObject'])

function chooseFault(random: Random, operation: string | undefined, hazards: ReadonlySet<Hazard>): Fault {
  const plain: Fault = random.weighted<Fault>([
    [5, chooseStatus(random, operation, hazards)],
    [1, { kind: 'reset-before-body' }],
    [1, { kind: 'reset-after-body' }],
    [3, { kind: 'answer-lost' }],
    [2, { kind: 'stall', ms: random.integer(50, 600) }],
    [1, { kind: 'stall', ms: random.integer(50, LATE_MS), afterwards: 'reset' }],
    [1, { kind: 'slow', bytesPerSecond: random.integer(8, 64) * 1024 ** 2 }],
    [1, { kind: 'truncated-answer', afterBytes: random.integer(0, 300) }],
  ])
  const special = specialFaults(random, operation, hazards)
  const [first, ...rest] = special
  return first !== undefined && random.chance(0.4) ? random.pick([first, ...rest]) : plain
}

/** What can go wrong with some operations only. */
function specialFaults(
  random: Random,
  operation: string | undefined,
  hazards: ReadonlySet<Hazard>,
): readonly Fault[] {
  const ms = random.integer(300, LATE_MS)
  const late: readonly Fault[] = [
    { kind: 'apply-later', ms },
    { kind: 'stall', ms: LATE_MS },
  ]
  switch (operation) {
    case 'CompleteMultipartUpload':
      return [{ kind: '200-with-error-body', code: random.pick(['InternalError', 'SlowDown']) }, ...late]
    case 'UploadPart':
      return late
    case 'PutObject':
      return hazards.has('late-put') ? late : []
    case 'ListParts':
      return [
        { kind: 'short-listing', maxEntries: random.integer(1, 2) },
        ...(hazards.has('stale-listing')
          ? [{ kind: 'stale-listing', writesAgo: random.integer(1, 2) } as const]
          : []),
      ]
    case undefined:
    default:
      return []
  }
}

function chooseStatus(random: Random, operation: string | undefined, hazards: ReadonlySet<Hazard>): Fault {
  const [status, code] = random.pick([
    [503, 'SlowDown'],
    [503, 'ServiceUnavailable'],
    [500, 'InternalError'],
    [500, 'InternalError'],
    [429, 'TooManyRequests'],
    [409, 'OperationAborted'],
    [403, 'AccessDenied'],
    [400, 'RequestTimeout'],
    [400, 'InvalidRequest'],
    ...missing(operation, hazards),
  ])
  return { kind: 'status', status, code }
}

/** An answer to HEAD has no code: any 404 says that the object is not there. */
function missing(
  operation: string | undefined,
  hazards: ReadonlySet<Hazard>,
): readonly (readonly [number, string])[] {
  const isLie = hazards.has('lying-404')
  if (operation === undefined || operation === 'HeadObject') return isLie ? [[404, 'NoSuchKey']] : []
  if (!isLie) return [[404, 'NoSuchBucket']]
  return [
    [404, 'NoSuchBucket'],
    [404, OBJECT_CALLS.has(operation) ? 'NoSuchKey' : 'NoSuchUpload'],
  ]
}

export function toRule({ operation, target, partNumber, skip, times, fault }: PlannedFault): FaultRule {
  return {
    ...(operation !== undefined && { operation }),
    ...(target !== undefined && { key: (key: string) => targetOf(key) === target }),
    ...(partNumber !== undefined && { partNumber }),
    skip,
    times,
    fault,
  }
}

function targetOf(key: string): Target {
  if (key.endsWith('.info')) return 'record'
  return key.includes('.part') ? 'tail' : 'object'
}
