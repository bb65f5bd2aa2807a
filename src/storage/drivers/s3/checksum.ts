import { createHash } from 'node:crypto'
import { Crc64NvmeJs } from '@aws-sdk/checksums/crc'
import type { Payload } from '../../buffers/payload.ts'
import { Crc32 } from '../../crc32.ts'
import type { ChecksumAlgorithm } from './options.ts'

/** The digest of a payload, Base64 as S3 writes it. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm
  readonly value: string
}

/** A digest in the making: fed while the bytes arrive, so that it also covers their time in memory and on disk. */
export interface RunningChecksum {
  readonly algorithm: ChecksumAlgorithm
  update(bytes: Uint8Array): void
  digest(): Promise<Checksum>
}

interface Digest {
  update(bytes: Uint8Array): void
  digest(): Uint8Array | Promise<Uint8Array>
}

const DIGESTS: Readonly<Record<ChecksumAlgorithm, () => Digest>> = {
  crc32: () => new Crc32(),
  // In JavaScript: ten times the cost of the others, hence never chosen by `auto`.
  crc64nvme: () => new Crc64NvmeJs(),
  sha256: () => createHash('sha256'),
}

export function startChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  const digest = DIGESTS[algorithm]()
  return {
    algorithm,
    update: (bytes) => digest.update(bytes),
    digest: async () => ({ algorithm, value: Buffer.from(await digest.digest()).toString('base64') }),
  }
}

/** Of a payload, by the algorithm that the storage wants now: the one that ran while its bytes arrived, if it is that. */
export async function checksumOf(
  algorithm: ChecksumAlgorithm | undefined,
  payload: Payload,
  running?: RunningChecksum,
): Promise<Checksum | undefined> {
  if (algorithm === undefined) return undefined
  if (running?.algorithm === algorithm) return await running.digest()
  const late = startChecksum(algorithm)
  for await (const chunk of payload.chunks()) late.update(chunk)
  return await late.digest()
}

export function checksumHeaders({ algorithm, value }: Checksum): Record<string, string> {
  return { [headerName(algorithm)]: value }
}

export function headerName(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm}`
}

/** As the calls that carry XML name it. */
export const CHECKSUM_ELEMENTS = {
  crc32: 'ChecksumCRC32',
  crc64nvme: 'ChecksumCRC64NVME',
  sha256: 'ChecksumSHA256',
} as const satisfies Record<ChecksumAlgorithm, string>
