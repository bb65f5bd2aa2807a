import { MAX_PARTS } from './part-plan.ts'

/** A copy of so much takes seconds, and several go side by side; far below the 5 GiB that S3 takes. */
const COPY_BYTES = 256 * 1024 ** 2

export interface ConcatPlanOptions {
  /** The least that a part may have, but for the last: 5 MiB. */
  readonly minPartBytes: number
  /** Of the parts of any upload of this location. */
  readonly partSizeBytes: number
  /** Whether all parts but the last must have one size (R2). */
  readonly equalParts: boolean
  /** The most that one part copies, where 10,000 of them are enough. */
  readonly copyBytes?: number | undefined
}

/** Bytes of one of the pieces. */
interface Slice {
  /** Which piece, from 0. */
  readonly index: number
  readonly startBytes: number
  readonly sizeBytes: number
}

export interface PlannedPart {
  /** From 1. */
  readonly partNumber: number
  readonly sizeBytes: number
  readonly slices: readonly Slice[]
  /**
   * Whether the storage makes it itself, of its one slice. Parts below the minimum are never copied: AWS copies a range
   * only of an object of more than 5 MB (S3 API, UploadPartCopy).
   */
  readonly isCopied: boolean
}

/**
 * Which parts make an object of pieces of these sizes, in their order. It depends on nothing but the sizes and the
 * location, so that a concatenation that is done again sends the same bytes under the same numbers.
 */
export function planConcatenation(
  sizesBytes: readonly number[],
  options: ConcatPlanOptions,
): readonly PlannedPart[] {
  const parts = options.equalParts ? planEqual(sizesBytes, options) : planFree(sizesBytes, options)
  return parts.map((slices, index) => toPart(slices, index + 1, options))
}

function toPart(
  slices: readonly Slice[],
  partNumber: number,
  { minPartBytes }: ConcatPlanOptions,
): PlannedPart {
  const sizeBytes = sumOf(slices.map((slice) => slice.sizeBytes))
  return { partNumber, sizeBytes, slices, isCopied: slices.length === 1 && sizeBytes >= minPartBytes }
}

/**
 * Copies as much as can be: what is too small for a part is gathered with the head of the next piece, up to the
 * minimum and no further.
 */
function planFree(sizesBytes: readonly number[], options: ConcatPlanOptions): Slice[][] {
  const { minPartBytes } = options
  const copyBytes = freeCopyBytes(sizesBytes, options)
  const parts: Slice[][] = []
  let gathered: Slice[] = []
  let gatheredBytes = 0
  for (const [index, pieceBytes] of sizesBytes.entries()) {
    let startBytes = 0
    const take = (sizeBytes: number): void => {
      if (sizeBytes === 0) return
      gathered.push({ index, startBytes, sizeBytes })
      gatheredBytes += sizeBytes
      startBytes += sizeBytes
      if (gatheredBytes < minPartBytes) return
      parts.push(gathered)
      gathered = []
      gatheredBytes = 0
    }
    if (gatheredBytes > 0) take(Math.min(pieceBytes, minPartBytes - gatheredBytes))
    const restBytes = pieceBytes - startBytes
    if (restBytes < minPartBytes) take(restBytes)
    else parts.push(...split({ index, startBytes, sizeBytes: restBytes }, copyBytes).map((slice) => [slice]))
  }
  return gatheredBytes > 0 ? [...parts, gathered] : parts
}

/** Each piece adds at most one part that is gathered and one that is not full. */
function freeCopyBytes(
  sizesBytes: readonly number[],
  { copyBytes = COPY_BYTES, minPartBytes }: ConcatPlanOptions,
): number {
  const fullParts = Math.max(1, MAX_PARTS - 2 * sizesBytes.length - 1)
  return Math.max(copyBytes, 2 * minPartBytes, Math.ceil(sumOf(sizesBytes) / fullParts))
}

/** Slices of about the same size: so none is below half of the limit. */
function split({ index, startBytes, sizeBytes }: Slice, limitBytes: number): Slice[] {
  const count = Math.ceil(sizeBytes / limitBytes)
  const cutAt = (part: number): number => Math.floor((sizeBytes * part) / count)
  return Array.from({ length: count }, (_, part) => ({
    index,
    startBytes: startBytes + cutAt(part),
    sizeBytes: cutAt(part + 1) - cutAt(part),
  }))
}

/** Cuts the whole at multiples of one size; a part that reaches over the end of a piece is gathered. */
function planEqual(sizesBytes: readonly number[], options: ConcatPlanOptions): Slice[][] {
  const partBytes = equalPartBytes(sizesBytes, options)
  const parts: Slice[][] = []
  let roomBytes = 0
  for (const [index, pieceBytes] of sizesBytes.entries()) {
    for (let startBytes = 0; startBytes < pieceBytes;) {
      if (roomBytes === 0) {
        parts.push([])
        roomBytes = partBytes
      }
      const sizeBytes = Math.min(roomBytes, pieceBytes - startBytes)
      parts.at(-1)?.push({ index, startBytes, sizeBytes })
      roomBytes -= sizeBytes
      startBytes += sizeBytes
    }
  }
  return parts
}

/**
 * tus-js-client makes all pieces but the last of one size: parts of that size, or of an equal share of it, never reach
 * over the end of a piece, and nothing has to be gathered.
 */
function equalPartBytes(sizesBytes: readonly number[], options: ConcatPlanOptions): number {
  const { copyBytes = COPY_BYTES, minPartBytes, partSizeBytes } = options
  const neededBytes = Math.max(partSizeBytes, Math.ceil(sumOf(sizesBytes) / MAX_PARTS))
  const [pieceBytes = 0, ...others] = sizesBytes
  if (others.slice(0, -1).some((size) => size !== pieceBytes)) return neededBytes
  const fewest = Math.max(1, Math.ceil(pieceBytes / copyBytes))
  const shares = Array.from({ length: MAX_SHARES }, (_, index) => pieceBytes / (fewest + index))
  const leastBytes = Math.max(minPartBytes, Math.ceil(sumOf(sizesBytes) / MAX_PARTS))
  return shares.find((share) => Number.isInteger(share) && share >= leastBytes) ?? neededBytes
}

/** How many ways to share a piece equally are tried. */
const MAX_SHARES = 100

function sumOf(sizesBytes: readonly number[]): number {
  return sizesBytes.reduce((sum, size) => sum + size, 0)
}
