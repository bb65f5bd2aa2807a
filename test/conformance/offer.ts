import type { Answer } from './http-exchange.ts'
import type { Feature } from './outcome.ts'

/** What a server says of itself in its answer to OPTIONS. */
export interface Offer {
  readonly versions: readonly string[]
  readonly extensions: readonly string[]
  readonly algorithms: readonly string[]
  readonly maxSizeBytes: number | undefined
  /** Upload-Limit: that of a server which speaks the IETF protocol. */
  readonly uploadLimit: string | undefined
}

export function readOffer(answer: Answer): Offer {
  const maxSize = answer.header('Tus-Max-Size')
  return {
    versions: listOf(answer.header('Tus-Version')),
    extensions: listOf(answer.header('Tus-Extension')),
    algorithms: listOf(answer.header('Tus-Checksum-Algorithm')),
    maxSizeBytes: maxSize === undefined ? undefined : Number(maxSize),
    uploadLimit: answer.header('Upload-Limit'),
  }
}

export function offers(offer: Offer, feature: Feature): boolean {
  if (feature === 'Tus-Max-Size') return offer.maxSizeBytes !== undefined
  if (feature === 'ietf') return offer.uploadLimit !== undefined
  return offer.extensions.includes(feature)
}

export function listOf(header: string | undefined): readonly string[] {
  return (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}
