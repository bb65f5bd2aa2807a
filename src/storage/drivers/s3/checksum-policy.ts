import { isTuskerError } from '../../../core/errors.ts'
import type { ChecksumAlgorithm, S3Options } from './options.ts'

/** Answers to a checksum that a server does not know: R2 said 501 NotImplemented, others 400. */
const REFUSALS: ReadonlySet<string> = new Set([
  'NotImplemented',
  'InvalidArgument',
  'InvalidRequest',
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

  /** For a new object, or multipart upload: all parts of one have what it was created with, whatever is set later. */
  get algorithm(): ChecksumAlgorithm | undefined {
    return this.#algorithm
  }

  /** Learns from the answer to a request that was accepted with a checksum; whether the next ones should have it too. */
  learn({ isGivenBack }: { readonly isGivenBack: boolean }): boolean {
    if (!this.#isAuto || this.#isProven) return true
    if (isGivenBack) this.#isProven = true
    else this.#algorithm = undefined
    return isGivenBack
  }

  /**
   * Makes a request that creates something, with a checksum; where that may be the reason of a refusal, without: if
   * it then goes through, none is sent any more.
   */
  async tryWith<Result>(
    request: (algorithm: ChecksumAlgorithm | undefined) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await request(this.#algorithm)
    } catch (error) {
      if (!this.#mayBeReason(error)) throw error
      const result = await request(undefined)
      this.#algorithm = undefined
      return result
    }
  }

  #mayBeReason(error: unknown): boolean {
    if (!this.#isAuto || this.#isProven || this.#algorithm === undefined) return false
    return isTuskerError(error) && REFUSALS.has(String(error.details['s3Code']))
  }
}
