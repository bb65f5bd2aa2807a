import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isTuskerError } from '../../src/core/errors.ts'
import type { FaultyS3Target } from '../support/faulty-s3.ts'
import type { Fault } from '../support/s3-test-server/faults.ts'
import { MIB, PART, UploadBench } from './s3-upload-bench.ts'

const OPERATIONS = [
  'CreateMultipartUpload',
  'PutObject',
  'UploadPart',
  'CompleteMultipartUpload',
  'ListParts',
  'GetObject',
  'HeadObject',
  'DeleteObject',
]

const FAULTS: readonly Fault[] = [
  { kind: 'reset-before-body' },
  { kind: 'reset-after-body' },
  { kind: 'answer-lost' },
  { kind: 'stall', ms: 100 },
  { kind: 'stall', ms: 100, afterwards: 'reset' },
  { kind: 'truncated-answer', afterBytes: 20 },
  { kind: 'status', status: 500, code: 'InternalError' },
]

const CASES = OPERATIONS.flatMap((operation) =>
  FAULTS.map((fault) => [operation, titleOf(fault), fault] as const),
)

/** That no broken connection, at whatever request, costs a byte that was acknowledged. */
export function s3UploadConnectionSuite(target: FaultyS3Target): void {
  describe(`a broken connection to ${target.name}`, () => {
    let bench: UploadBench

    beforeEach(async () => {
      bench = await UploadBench.open(target)
    })

    afterEach(() => bench.close())

    test.each(CASES)('%s: %s costs no byte, and leaves nothing behind', async (operation, _title, fault) => {
      const injected = bench.s3.inject({ operation, fault })
      const data = randomBytes(2 * PART + 77)
      const begun = await patiently(() => bench.begin(data.byteLength))
      // A tail of its own, then parts that take it up, then the end: every operation is needed on the way.
      for (const endBytes of [MIB, PART + MIB, data.byteLength]) {
        await patiently(() => bench.resume(begun, data.subarray(0, endBytes)))
        expect((await patiently(() => bench.store.open(begun.upload.id))).upload.offsetBytes).toBe(endBytes)
      }
      expect(injected.hits).toBe(1)
      await bench.expectObject(begun, data)
      // Whoever gets no answer does not learn the id of what was created.
      if (operation !== 'CreateMultipartUpload') await bench.expectNoRemains()
    })
  })
}

function titleOf(fault: Fault): string {
  return fault.kind === 'stall' ? `stall, then ${fault.afterwards ?? 'go on'}` : fault.kind
}

const MAX_TRIES = 3

/** As a client does it: what can't be done now is tried again, and only that. */
async function patiently<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (tries === MAX_TRIES || !isTuskerError(error, 'ERR_STORAGE_UNAVAILABLE')) throw error
    }
  }
}
