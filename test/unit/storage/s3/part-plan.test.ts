import { describe, expect, test } from 'vitest'
import {
  MAX_PARTS,
  MAX_PART_BYTES,
  MAX_UPLOAD_BYTES,
  MIN_PART_BYTES,
  type PartPlanOptions,
  maxLengthBytes,
  partSizeAt,
} from '../../../../src/storage/drivers/s3/part-plan.ts'

const GIB = 1024 ** 3

/** Every part of an upload, as its plan has them. */
function walk(options: PartPlanOptions, untilBytes: number): number[] {
  const sizes: number[] = []
  let offsetBytes = 0
  while (offsetBytes < untilBytes) {
    const size = partSizeAt({ partNumber: sizes.length + 1, offsetBytes }, options)
    sizes.push(Math.min(size, untilBytes - offsetBytes))
    offsetBytes += size
  }
  return sizes
}

function known(lengthBytes: number, partSizeBytes = MIN_PART_BYTES): PartPlanOptions {
  return { partSizeBytes, lengthBytes, lengthWasDeferred: false, equalParts: false }
}

describe('parts of an upload of known length', () => {
  test.each([1, MIN_PART_BYTES, 100 * MIN_PART_BYTES + 1, 48 * GIB, 50 * GIB, 1000 * GIB, MAX_UPLOAD_BYTES])(
    'fit into 10,000 numbers and reach %i bytes',
    (lengthBytes) => {
      const sizes = walk(known(lengthBytes), lengthBytes)
      expect(sizes.length).toBeLessThanOrEqual(MAX_PARTS)
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(lengthBytes)
    },
  )

  test.each([60 * GIB, MAX_UPLOAD_BYTES])(
    'are all of one size but the last, as R2 demands (%i bytes)',
    (lengthBytes) => {
      const sizes = walk(known(lengthBytes), lengthBytes)
      expect(new Set(sizes.slice(0, -1)).size).toBe(1)
      expect(sizes.at(-1)).toBeLessThanOrEqual(sizes[0] ?? 0)
    },
  )

  test('have the configured size where that is enough', () => {
    expect(partSizeAt({ partNumber: 3, offsetBytes: 16 * 1024 ** 2 }, known(GIB, 8 * 1024 ** 2))).toBe(
      8 * 1024 ** 2,
    )
  })

  test("grow where another server's small parts left too few numbers", () => {
    const position = { partNumber: 9_001, offsetBytes: 9_000 * MIN_PART_BYTES }
    const lengthBytes = 100 * GIB
    const size = partSizeAt(position, known(lengthBytes))
    expect(position.offsetBytes + 1_000 * size).toBeGreaterThanOrEqual(lengthBytes)
  })
})

describe('parts of an upload of unknown length', () => {
  const unknown: PartPlanOptions = {
    partSizeBytes: MIN_PART_BYTES,
    lengthBytes: undefined,
    lengthWasDeferred: true,
    equalParts: false,
  }

  test('reach 5 TiB with 10,000 numbers, each between 5 MiB and 5 GiB', () => {
    const sizes = walk(unknown, MAX_UPLOAD_BYTES)
    expect(sizes.length).toBeLessThanOrEqual(MAX_PARTS)
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(MIN_PART_BYTES)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_PART_BYTES)
  })

  test('start small: no large buffer before the first bytes are stored', () => {
    expect(walk(unknown, 100 * 1024 ** 2).every((size) => size <= MIN_PART_BYTES)).toBe(true)
  })

  test('keep their size when the length is declared later', () => {
    const position = { partNumber: 1_500, offsetBytes: 20 * GIB }
    expect(partSizeAt(position, { ...unknown, lengthBytes: 21 * GIB })).toBe(partSizeAt(position, unknown))
  })
})

describe('parts of an upload of unknown length that must be equal', () => {
  const equal: PartPlanOptions = {
    partSizeBytes: MIN_PART_BYTES,
    lengthBytes: undefined,
    lengthWasDeferred: true,
    equalParts: true,
  }

  test('have the configured size up to number 10,000, where the upload ends', () => {
    const sizes = walk(equal, maxLengthBytes(equal))
    expect(sizes).toHaveLength(MAX_PARTS)
    expect(new Set(sizes)).toEqual(new Set([MIN_PART_BYTES]))
  })

  test.each([1, 600 * MIN_PART_BYTES + 1, 5_000 * MIN_PART_BYTES, 10_000 * MIN_PART_BYTES])(
    'keep it when a length of %i bytes is declared, whenever that is',
    (lengthBytes) => {
      const sizes = walk({ ...equal, lengthBytes }, lengthBytes)
      expect(new Set(sizes.slice(0, -1))).toEqual(new Set(sizes.length > 1 ? [MIN_PART_BYTES] : []))
    },
  )

  test.each([
    [MIN_PART_BYTES, MAX_PARTS * MIN_PART_BYTES],
    [100 * MIN_PART_BYTES, 1_000_000 * MIN_PART_BYTES],
    [GIB, MAX_UPLOAD_BYTES],
    [MAX_PART_BYTES, MAX_UPLOAD_BYTES],
  ])('of %i bytes each reach %i bytes', (partSizeBytes, expected) => {
    expect(maxLengthBytes({ ...equal, partSizeBytes })).toBe(expected)
  })

  test('may be larger if the length is known from the start, or if they may grow: up to 5 TiB', () => {
    expect(maxLengthBytes({ ...equal, lengthWasDeferred: false })).toBe(MAX_UPLOAD_BYTES)
    expect(maxLengthBytes({ ...equal, equalParts: false })).toBe(MAX_UPLOAD_BYTES)
  })
})
