/** S3 user guide, "Amazon S3 multipart upload limits". */
export const MIN_PART_BYTES = 5 * 1024 ** 2
export const MAX_PART_BYTES = 5 * 1024 ** 3
export const MAX_PARTS = 10_000
/** What every S3 server can hold in one object; AWS itself allows 48.8 TiB by now. */
export const MAX_UPLOAD_BYTES = 5 * 1024 ** 4

/** Parts of an upload of unknown length stay this many parts at the configured size before they grow. */
const EQUAL_PARTS = 1_000

export interface PartPosition {
  /** From 1. */
  readonly partNumber: number
  readonly offsetBytes: number
}

export interface PartPlanOptions {
  /** The configured size of a part, at least 5 MiB. */
  readonly partSizeBytes: number
  readonly lengthBytes: number | undefined
  /** Whether the upload was created without a length: its parts then follow the growing plan to the end. */
  readonly lengthWasDeferred: boolean
  /** Whether parts must not grow (R2). */
  readonly equalParts: boolean
}

/**
 * The size of the part that starts at `position`, in bytes (the last part of an upload may be shorter).
 *
 * It depends on nothing but the upload and the position, so whoever writes a part, at whatever time, writes the same
 * byte range under the same number: a part that lands late, from a process that died, can do no harm. Parts of an
 * upload of known length are all of one size, as R2 demands; those of unknown length grow from part 1,001 on, so that
 * 10,000 of them reach 5 TiB without a large first buffer.
 */
export function partSizeAt(position: PartPosition, options: PartPlanOptions): number {
  const planned =
    options.lengthWasDeferred && !options.equalParts
      ? growingSize(position.partNumber, options.partSizeBytes)
      : equalSize(options)
  return Math.min(Math.max(planned, neededSize(position, options)), MAX_PART_BYTES)
}

/** The least that a part may have, but for the last; a location with smaller parts (in a test) has a store that takes them. */
export function minPartBytes(partSizeBytes: number): number {
  return Math.min(MIN_PART_BYTES, partSizeBytes)
}

/** The largest upload that fits into 10,000 parts: less than S3 can hold only if they must be equal from the first on. */
export function maxLengthBytes({
  partSizeBytes,
  lengthWasDeferred,
  equalParts,
}: Omit<PartPlanOptions, 'lengthBytes'>): number {
  return lengthWasDeferred && equalParts
    ? Math.min(MAX_UPLOAD_BYTES, MAX_PARTS * Math.min(partSizeBytes, MAX_PART_BYTES))
    : MAX_UPLOAD_BYTES
}

function equalSize({ partSizeBytes, lengthBytes = 0, lengthWasDeferred }: PartPlanOptions): number {
  // A length that is declared late must not change the size of parts that are stored already.
  return lengthWasDeferred ? partSizeBytes : Math.max(partSizeBytes, Math.ceil(lengthBytes / MAX_PARTS))
}

function growingSize(partNumber: number, partSizeBytes: number): number {
  const growing = MAX_PARTS - EQUAL_PARTS
  const missing = MAX_UPLOAD_BYTES - MAX_PARTS * partSizeBytes
  if (partNumber <= EQUAL_PARTS || missing <= 0) return partSizeBytes
  const stepBytes = Math.ceil(missing / ((growing * (growing + 1)) / 2))
  return partSizeBytes + (partNumber - EQUAL_PARTS) * stepBytes
}

/** What it takes to fit the rest into the numbers that are left: more than planned only after another server's smaller parts. */
function neededSize({ partNumber, offsetBytes }: PartPosition, { lengthBytes }: PartPlanOptions): number {
  if (lengthBytes === undefined || partNumber > MAX_PARTS) return 0
  return Math.ceil((lengthBytes - offsetBytes) / (MAX_PARTS - partNumber + 1))
}

/** How many parts an upload of that length has by the plan; one if it is not known. */
export function partCountOf(lengthBytes: number | undefined, partSizeBytes: number): number {
  return lengthBytes === undefined ? 1 : Math.min(MAX_PARTS, Math.ceil(lengthBytes / partSizeBytes))
}
