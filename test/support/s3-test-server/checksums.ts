import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { bigEndian, crc32c, crc64nvme } from './crc.ts'
import { S3Error } from './s3-error.ts'
import { md5 } from './state.ts'

type Headers = Readonly<Record<string, string>>

const DIGESTS: Readonly<Record<string, (data: Buffer) => Buffer>> = {
  'content-md5': md5,
  'x-amz-checksum-crc32': (data) => bigEndian(crc32(data)),
  'x-amz-checksum-crc32c': crc32c,
  'x-amz-checksum-crc64nvme': crc64nvme,
  'x-amz-checksum-sha1': (data) => createHash('sha1').update(data).digest(),
  'x-amz-checksum-sha256': (data) => createHash('sha256').update(data).digest(),
}

const OTHER_CHECKSUM = /^x-amz-checksum-(?!algorithm$|type$|mode$)/

/**
 * Checks every digest that a request gives of its body.
 * @throws S3Error InvalidDigest if it is none of that kind, BadDigest if it is of other bytes.
 */
export function verifyDigests(headers: Headers, data: Buffer): void {
  for (const name of Object.keys(headers)) {
    if (OTHER_CHECKSUM.test(name) && !(name in DIGESTS))
      throw new S3Error('NotImplemented', `This test server can't compute ${name}`)
  }
  for (const [name, digest] of Object.entries(DIGESTS)) {
    const claimed = headers[name]
    if (claimed === undefined) continue
    const expected = digest(data)
    if (Buffer.from(claimed, 'base64').byteLength !== expected.byteLength)
      throw new S3Error(name === 'content-md5' ? 'InvalidDigest' : 'InvalidRequest', `${name} is not valid`)
    if (claimed !== expected.toString('base64'))
      throw new S3Error('BadDigest', `The ${name} that you sent is not that of the bytes that arrived`)
  }
}

/** The checksums that S3 keeps with an object or part and gives back (Content-MD5 is not one). */
export function checksumHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name !== 'content-md5' && name in DIGESTS),
  )
}

/** The digest of that name (`x-amz-checksum-…`) of other bytes than a request's, as S3 writes it. */
export function digestOf(name: string, data: Buffer): string {
  return DIGESTS[name]?.(data).toString('base64') ?? ''
}

/** As R2 did. @throws S3Error NotImplemented */
export function refuseChecksums(headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) {
    if (ABOUT_CHECKSUMS.test(name))
      throw new S3Error('NotImplemented', `Header '${name}' with value '${value}' not implemented`)
  }
}

/** A request as a server sees it that knows no checksums. */
export function withoutChecksums<Asked extends { readonly headers: Headers }>(asked: Asked): Asked {
  const known = Object.entries(asked.headers).filter(([name]) => !ABOUT_CHECKSUMS.test(name))
  return { ...asked, headers: Object.fromEntries(known) }
}

const ABOUT_CHECKSUMS = /^x-amz-(?:sdk-)?checksum-/
