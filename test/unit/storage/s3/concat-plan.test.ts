import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  type ConcatPlanOptions,
  type PlannedPart,
  planConcatenation,
} from '../../../../src/storage/drivers/s3/concat-plan.ts'
import { MAX_PARTS, MAX_PART_BYTES, MAX_UPLOAD_BYTES } from '../../../../src/storage/drivers/s3/part-plan.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const MIN = 5 * MIB

const FREE: ConcatPlanOptions = { minPartBytes: MIN, partSizeBytes: MIN, equalParts: false }
const EQUAL: ConcatPlanOptions = { ...FREE, equalParts: true }

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0)
}

/** Every rule that S3 has for parts, and that they are the pieces, whole and in order. */
function expectSound(parts: readonly PlannedPart[], sizes: readonly number[]): void {
  const slices = parts.flatMap((part) => part.slices)
  let position = { index: 0, startBytes: 0 }
  for (const slice of slices) {
    while (position.startBytes === sizes[position.index])
      position = { index: position.index + 1, startBytes: 0 }
    if (slice.index !== position.index || slice.startBytes !== position.startBytes || slice.sizeBytes <= 0)
      throw new Error(`${JSON.stringify(slice)} is not what comes at ${JSON.stringify(position)}`)
    position = { index: slice.index, startBytes: slice.startBytes + slice.sizeBytes }
  }
  expect(sum(slices.map(({ sizeBytes }) => sizeBytes))).toBe(sum(sizes))
  expect(parts.map(({ partNumber }) => partNumber)).toEqual(parts.map((_, index) => index + 1))
  expect(parts.length).toBeLessThanOrEqual(MAX_PARTS)
  const wrong = parts.filter(({ partNumber, sizeBytes, slices: own, isCopied }) => {
    const isSum = sizeBytes === sum(own.map((slice) => slice.sizeBytes))
    const isLargeEnough = sizeBytes >= MIN || (partNumber === parts.length && !isCopied)
    return !isSum || !isLargeEnough || sizeBytes > MAX_PART_BYTES || (isCopied && own.length !== 1)
  })
  expect(wrong).toEqual([])
}

/** Sizes of all magnitudes, near the limits too. */
function randomSizes(): number[] {
  return Array.from({ length: randomInt(1, 40) }, () => {
    const around = [0, 1, 1000, MIB, MIN - 1, MIN, MIN + 1, 2 * MIN, 256 * MIB, 512 * MIB + 3, 6 * GIB]
    const base = around[randomInt(around.length)] ?? 0
    return randomInt(3) === 0 ? base : randomInt(base + 1, 2 * base + 2)
  })
}

describe('pieces become parts', () => {
  test('that S3 takes, whatever their sizes are', () => {
    for (let run = 0; run < 300; run += 1) {
      const sizes = randomSizes()
      expectSound(planConcatenation(sizes, FREE), sizes)
    }
  })

  test('of which no more than 5 MiB for each piece go through memory', () => {
    for (let run = 0; run < 300; run += 1) {
      const sizes = randomSizes()
      const gathered = planConcatenation(sizes, FREE).filter(({ isCopied }) => !isCopied)
      expect(gathered.length).toBeLessThanOrEqual(sizes.length)
      for (const { sizeBytes } of gathered) expect(sizeBytes).toBeLessThanOrEqual(MIN)
    }
  })

  test('copied whole, where they are large enough', () => {
    const parts = planConcatenation([50 * MIB, 50 * MIB, 50 * MIB], FREE)
    expect(parts.map(({ sizeBytes, isCopied }) => [sizeBytes, isCopied])).toEqual([
      [50 * MIB, true],
      [50 * MIB, true],
      [50 * MIB, true],
    ])
  })

  test('of about 256 MiB each, where one is larger', () => {
    const parts = planConcatenation([GIB + 1], FREE)
    expect(parts).toHaveLength(5)
    for (const { sizeBytes, isCopied } of parts) {
      expect(isCopied).toBe(true)
      expect(sizeBytes).toBeLessThan(256 * MIB)
      expect(sizeBytes).toBeGreaterThan(200 * MIB)
    }
  })

  test('with the head of the next one added to what is too small, and no more', () => {
    const parts = planConcatenation([20 * MIB + 1, 2 * MIB, 30 * MIB, 1], FREE)
    expect(parts.map(({ sizeBytes, isCopied }) => [sizeBytes, isCopied])).toEqual([
      [20 * MIB + 1, true],
      [5 * MIB, false],
      [27 * MIB, true],
      [1, false],
    ])
  })

  test.each([
    [
      '1,000 pieces that make 5 TiB',
      Array.from({ length: 1_000 }, () => Math.floor(MAX_UPLOAD_BYTES / 1_000)),
    ],
    ['one of 5 TiB', [MAX_UPLOAD_BYTES]],
    ['1,000 of 7 MiB', Array.from({ length: 1_000 }, () => 7 * MIB)],
    ['1,000 of a byte', Array.from({ length: 1_000 }, () => 1)],
  ])('no more than 10,000: %s', (_what, sizes) => {
    expectSound(planConcatenation(sizes, FREE), sizes)
    expectSound(planConcatenation(sizes, EQUAL), sizes)
  })

  test('none, of nothing', () => {
    expect(planConcatenation([0, 0], FREE)).toEqual([])
    expect(planConcatenation([0, 0], EQUAL)).toEqual([])
  })

  test('always the same ones', () => {
    const sizes = randomSizes()
    expect(planConcatenation(sizes, FREE)).toEqual(planConcatenation(sizes, FREE))
  })
})

describe('pieces become parts of one size, for R2', () => {
  function expectEqualParts(parts: readonly PlannedPart[]): void {
    expect(new Set(parts.slice(0, -1).map(({ sizeBytes }) => sizeBytes)).size).toBeLessThanOrEqual(1)
    expect(parts.at(-1)?.sizeBytes ?? 0).toBeLessThanOrEqual(parts[0]?.sizeBytes ?? 0)
  }

  test('whatever their sizes are', () => {
    for (let run = 0; run < 60; run += 1) {
      const sizes = randomSizes().map((size) => size % (300 * MIB))
      const parts = planConcatenation(sizes, EQUAL)
      expectSound(parts, sizes)
      expectEqualParts(parts)
    }
  })

  test.each([
    [2, 200 * MIB],
    [4, 200 * MIB + 3],
    [8, 10 * GIB + 7],
    [4, 40 * GIB + 1],
  ])(
    'with nothing to gather but the end, for %i pieces of %i bytes as tus-js-client cuts them',
    (count, total) => {
      const size = Math.floor(total / count)
      const sizes = Array.from({ length: count }, (_, index) =>
        index < count - 1 ? size : total - (count - 1) * size,
      )
      const parts = planConcatenation(sizes, EQUAL)
      expectSound(parts, sizes)
      expectEqualParts(parts)
      expect(parts.slice(0, -1).every(({ isCopied }) => isCopied)).toBe(true)
    },
  )
})
