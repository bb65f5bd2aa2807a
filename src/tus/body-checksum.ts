import type { IncomingMessage } from 'node:http'
import { TuskerError } from '../core/errors.ts'
import type { UploadBody } from '../core/upload-store.ts'
import { decodeBase64 } from './base64.ts'
import {
  DIGEST_NAMES,
  type Digest,
  type DigestName,
  digestSizeBytes,
  findDigestName,
  startDigest,
} from './digests.ts'
import { headerOf } from './request-headers.ts'

const FIELD = 'upload-checksum'

interface Expected {
  readonly algorithm: DigestName
  readonly digest: Buffer
}

/** What a body has to add up to, by the header before it or the trailer behind it (checksum, checksum-trailer). */
export class BodyChecksum {
  readonly #request: IncomingMessage
  readonly #expected: Expected | undefined
  readonly #running: ReadonlyMap<DigestName, Digest>

  private constructor(request: IncomingMessage, expected: Expected | undefined) {
    this.#request = request
    this.#expected = expected
    // Which algorithm a trailer will name, nobody knows before it is there.
    const names = expected ? [expected.algorithm] : DIGEST_NAMES
    this.#running = new Map(names.map((name) => [name, startDigest(name)]))
  }

  /**
   * The checksum that the request has or announces, undefined if it does neither.
   * @throws TuskerError ERR_INVALID_CHECKSUM, ERR_UNSUPPORTED_CHECKSUM (CH-03, CH-09, CH-11)
   */
  static of(request: IncomingMessage): BodyChecksum | undefined {
    const header = headerOf(request, FIELD)
    const isTrailing = announcesTrailer(request)
    if (header === undefined) return isTrailing ? new BodyChecksum(request, undefined) : undefined
    if (isTrailing) throw invalid('Send Upload-Checksum as a header or as a trailer, not as both')
    return new BodyChecksum(request, parseChecksum(header))
  }

  /** `body`, looked at as it passes. */
  async *watch(body: UploadBody): UploadBody {
    for await (const chunk of body) {
      for (const digest of this.#running.values()) digest.update(chunk)
      yield chunk
    }
  }

  /** To be called once, when the whole body has passed. @throws TuskerError ERR_CHECKSUM_MISMATCH; those of `of` for a trailer */
  requireMatch(): void {
    const { algorithm, digest } = this.#expected ?? this.#trailer()
    if (!this.#running.get(algorithm)?.digest().equals(digest)) throw new TuskerError('ERR_CHECKSUM_MISMATCH')
  }

  #trailer(): Expected {
    const trailer = this.#request.trailers[FIELD]
    if (trailer === undefined) throw invalid('The trailer Upload-Checksum was announced, but did not come')
    return parseChecksum(trailer)
  }
}

function announcesTrailer(request: IncomingMessage): boolean {
  const names = (headerOf(request, 'trailer') ?? '').split(',')
  return names.some((name) => name.trim().toLowerCase() === FIELD)
}

function parseChecksum(text: string): Expected {
  const [name = '', encoded = '', ...rest] = text.split(' ')
  const digest = decodeBase64(encoded)
  if (rest.length > 0 || encoded === '' || digest === undefined) throw new TuskerError('ERR_INVALID_CHECKSUM')
  const algorithm = findDigestName(name)
  if (algorithm === undefined) {
    throw new TuskerError('ERR_UNSUPPORTED_CHECKSUM', {
      message: `This server knows the checksum algorithms ${DIGEST_NAMES.join(', ')}`,
    })
  }
  if (digest.byteLength !== digestSizeBytes(algorithm)) {
    throw invalid(`A digest of ${algorithm} has ${digestSizeBytes(algorithm)} bytes`)
  }
  return { algorithm, digest }
}

function invalid(message: string): TuskerError {
  return new TuskerError('ERR_INVALID_CHECKSUM', { message })
}
