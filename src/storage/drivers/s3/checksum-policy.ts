import { headerName } from './checksum.ts'
import type { ChecksumAlgorithm, S3Options } from './options.ts'

/** Answers to a checksum that a server does not know: R2 says 501 NotImplemented, others 400. */
const REFUSALS: ReadonlySet<string> = new Set([
  'NotImplemented',
  'InvalidArgument',
  'InvalidRequest',
  'Status400',
  'Status501',
])

/**
 * Which checksum is sent with the bytes of a location. With `auto` it is CRC32 for as long as the store proves that it
 * verifies it, by giving it back; a store that ignores or refuses it gets none, which saves computing it.
 */
export class ChecksumPolicy {
  readonly #isAuto: boolean
  #algorithm: ChecksumAlgorithm | undefined
  #isProven = false

  constructor(choice: S3Options['checksum']) {
    this.#isAuto = choice === 'auto'
    this.#algorithm = choice === 'auto' ? 'crc32' : choice === 'none' ? undefined : choice
  }

  /** For a new object. */
  get algorithm(): ChecksumAlgorithm | undefined {
    return this.#algorithm
  }

  /** For a part: all parts of a multipart upload must have the one that it was created with, whatever is set now. */
  forPart(createdWith: ChecksumAlgorithm | undefined): ChecksumAlgorithm | undefined {
    const isIgnored = this.#isAuto && this.#algorithm === undefined
    return isIgnored ? undefined : createdWith
  }

  /** Learns from the answer to a request that was accepted with a checksum. */
  learnFrom(headers: Readonly<Record<string, unknown>>): void {
    if (!this.#isAuto || this.#isProven || this.#algorithm === undefined) return
    if (headers[headerName(this.#algorithm)] === undefined) this.#algorithm = undefined
    else this.#isProven = true
  }

  /** Whether a refusal may be for the checksum alone, so that the request is worth a try without. */
  mayBeRefused(error: unknown): boolean {
    return this.#isAuto && !this.#isProven && error instanceof Error && REFUSALS.has(error.name)
  }

  /** The request went through without a checksum. */
  giveUp(): void {
    this.#algorithm = undefined
  }
}
