import { digestOf } from './checksums.ts'
import type { NamedPart } from './multipart-operations.ts'
import type { Call } from './reply.ts'
import { S3Error } from './s3-error.ts'
import type { MultipartChecksum, MultipartUpload, StoredObject, StoredPart } from './state.ts'

type Headers = Readonly<Record<string, string>>

/** S3 user guide, "Checking object integrity": which types an algorithm has in a multipart upload, the default first. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  CRC32: ['COMPOSITE', 'FULL_OBJECT'],
  CRC32C: ['COMPOSITE', 'FULL_OBJECT'],
  CRC64NVME: ['FULL_OBJECT'],
  SHA1: ['COMPOSITE'],
  SHA256: ['COMPOSITE'],
}

const PREFIX = 'x-amz-checksum-'

/** The checksum that CreateMultipartUpload asks for. @throws S3Error InvalidRequest if there is none like that */
export function createdWith(headers: Headers): MultipartChecksum | undefined {
  const { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type } = headers
  if (algorithm === undefined) return undefined
  const types = TYPES[algorithm]
  if (types === undefined)
    throw new S3Error(
      'InvalidRequest',
      `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${Object.keys(TYPES).join(', ')}]`,
    )
  if (type !== undefined && !types.includes(type))
    throw new S3Error('InvalidRequest', `The ${type} checksum type cannot be used with the ${algorithm}`)
  return { algorithm: algorithm.toLowerCase(), isComposite: (type ?? types[0]) === 'COMPOSITE' }
}

/**
 * What is kept with a part: its upload's checksum, whether it was sent or (by a copy, or for a full-object checksum)
 * computed here.
 * @throws S3Error InvalidRequest if the part came with another one, or none
 */
export function partChecksums(call: Call, upload: MultipartUpload, body: Buffer): Record<string, string> {
  const sent = Object.keys(call.checksums).map((name) => name.slice(PREFIX.length))
  if (sent.length > 1)
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    )
  const { algorithm, isComposite = false } = upload.checksum ?? {}
  const isNeeded = isComposite && call.name === 'UploadPart'
  if (sent[0] !== algorithm && (sent.length > 0 || isNeeded))
    throw new S3Error(
      'InvalidRequest',
      `Checksum Type mismatch occurred, expected checksum Type: ${algorithm ?? 'null'}, actual checksum Type: ${sent[0] ?? 'null'}`,
    )
  return algorithm === undefined ? {} : { [PREFIX + algorithm]: digestOf(PREFIX + algorithm, body) }
}

/** Complete repeats the checksum of each part, if the object's is made of them. @throws S3Error InvalidRequest */
export function requireNamedChecksums({ checksum }: MultipartUpload, named: readonly NamedPart[]): void {
  if (checksum?.isComposite !== true) return
  const element = elementName(PREFIX + checksum.algorithm)
  const without = named.find((part) => part[element] === undefined)
  if (without === undefined) return
  throw new S3Error(
    'InvalidRequest',
    `The upload was created using a ${checksum.algorithm} checksum. The complete request must include the checksum ` +
      `for each part. It was missing for part ${without['PartNumber']} in the request.`,
  )
}

/** Of an object made of parts. */
export function objectChecksums(
  { checksum }: MultipartUpload,
  parts: readonly StoredPart[],
  body: Buffer,
): Record<string, string> {
  if (checksum === undefined) return {}
  const name = PREFIX + checksum.algorithm
  if (!checksum.isComposite) return { [name]: digestOf(name, body) }
  const digests = parts.map(({ checksums }) => Buffer.from(checksums[name] ?? '', 'base64'))
  return { [name]: `${digestOf(name, Buffer.concat(digests))}-${parts.length}` }
}

/** A copy is one piece, and so is its checksum, whatever the source was made of. */
export function checksumsOfCopy({ checksums, body }: StoredObject): Record<string, string> {
  return Object.fromEntries(Object.keys(checksums).map((name) => [name, digestOf(name, body)]))
}

/** Checksums as XML names them: ChecksumCRC32, ChecksumSHA256 … */
export function checksumElements(checksums: Headers): Record<string, string> {
  return Object.fromEntries(Object.entries(checksums).map(([name, value]) => [elementName(name), value]))
}

function elementName(header: string): string {
  return `Checksum${header.slice(PREFIX.length).toUpperCase()}`
}
