import { z } from 'zod'
import {
  boolean,
  fault,
  integer,
  oneOf,
  optionalSetting,
  requiredSetting,
  setting,
  size,
  text,
  timeout,
} from '../../setting-values.ts'
import { MAX_PART_BYTES, MIN_PART_BYTES } from './part-plan.ts'

/** S3 user guide, "Canned ACL". */
const CANNED_ACLS = [
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
] as const

/** Here and not beside their code, which comes with the SDK and is loaded only when a location is used. */
const CHECKSUM_ALGORITHMS = ['crc32', 'crc64nvme', 'sha256'] as const

export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number]

const CHECKSUM_CHOICES = ['auto', ...CHECKSUM_ALGORITHMS, 'none'] as const

const ENCRYPTIONS = ['AES256', 'aws:kms', 'aws:kms:dsse'] as const

/** A folder in the bucket: `/a//b/` and `a/b` are the same. */
const root = text.transform((written, context) => {
  const segments = written.split('/').filter((segment) => segment !== '')
  if (segments.some((segment) => segment === '.' || segment === '..'))
    return fault(context, 'must not have "." or ".."')
  return segments.join('/')
})

/** An absolute URL; a host alone means https. A base path is kept: the SDK puts it before bucket and key. */
const endpoint = text.transform((written, context) => {
  const withScheme = /^https?:\/\//i.test(written.trim()) ? written.trim() : `https://${written.trim()}`
  if (!URL.canParse(withScheme) || withScheme.includes('://', 8)) {
    return fault(context, 'must be a URL such as https://s3.example.com, or a host name')
  }
  const url = new URL(withScheme)
  if (url.username !== '' || url.password !== '')
    return fault(context, 'must not contain credentials: use KEY and SECRET')
  if (url.search !== '' || url.hash !== '') return fault(context, 'must not have a query or fragment')
  return url.href.replace(/\/+$/, '')
})

/** The options of an `s3` location, named as in `STORAGE_<LOC>_*` (those of Directus's S3 driver, all of them). */
export const s3OptionsSchema = z
  .object({
    BUCKET: requiredSetting(text, { type: 'text', description: 'Name of the bucket.' }),
    KEY: optionalSetting(text, {
      type: 'text',
      secret: true,
      description:
        'Access key id. Without KEY and SECRET the default credential chain of AWS is used (IAM role, profile …).',
    }),
    SECRET: optionalSetting(text, {
      type: 'text',
      secret: true,
      description: 'Secret access key, together with KEY.',
    }),
    REGION: optionalSetting(text, {
      type: 'text',
      description: 'Region of the bucket, `auto` for R2. With an ENDPOINT and no region, us-east-1.',
    }),
    ROOT: setting(root, {
      type: 'path',
      default: '',
      description: 'Folder in the bucket below which everything is kept; by default the bucket itself.',
    }),
    ENDPOINT: optionalSetting(endpoint, {
      type: 'URL',
      description: 'URL of an S3-compatible server; a host name alone means https.',
    }),
    FORCE_PATH_STYLE: setting(boolean, {
      type: 'boolean',
      default: 'false',
      description:
        'Put the bucket into the path (`https://host/bucket`), as most S3-compatible servers need.',
    }),
    ACL: optionalSetting(oneOf(CANNED_ACLS), {
      type: CANNED_ACLS.join(' \\| '),
      description:
        'Canned ACL of every object, also of the records (`.info`) and tails (`.part`) beside the uploads.',
    }),
    SERVER_SIDE_ENCRYPTION: optionalSetting(oneOf(ENCRYPTIONS), {
      type: ENCRYPTIONS.join(' \\| '),
      description: 'Server-side encryption of every object.',
    }),
    SERVER_SIDE_ENCRYPTION_KMS_KEY_ID: optionalSetting(text, {
      type: 'text',
      description: 'Id of the KMS key, with SERVER_SIDE_ENCRYPTION `aws:kms` or `aws:kms:dsse`.',
    }),
    CONNECTION_TIMEOUT: setting(timeout, {
      type: 'duration',
      default: '5000',
      description: 'How long a connection to the storage may take to be made.',
    }),
    SOCKET_TIMEOUT: setting(timeout, {
      type: 'duration',
      default: '120000',
      description: 'How long a connection may be silent before the request is given up and tried again.',
    }),
    MAX_SOCKETS: setting(integer(1, 65_535), {
      type: 'number',
      default: '500',
      description: 'Connections to the storage at once.',
    }),
    KEEP_ALIVE: setting(boolean, {
      type: 'boolean',
      default: 'true',
      description: 'Use a connection for many requests.',
    }),
    CHECKSUM: setting(oneOf(CHECKSUM_CHOICES), {
      type: CHECKSUM_CHOICES.join(' \\| '),
      default: 'auto',
      description:
        'Checksum that is sent with every part, for the storage to verify. auto: crc32, as long as the storage gives it back; crc64nvme costs much CPU.',
    }),
    TUS__EQUAL_PARTS: optionalSetting(boolean, {
      type: 'boolean',
      description:
        'Make all parts but the last of one size, also of uploads whose length is not known, as R2 demands (the default for its endpoints). Such an upload ends at 10,000 times TUS__CHUNK_SIZE.',
    }),
    TUS__CHUNK_SIZE: setting(chunkSize(), {
      type: 'size',
      default: String(MIN_PART_BYTES),
      description:
        'Size of the parts that an upload is stored in, 5 MiB to 5 GiB. Larger uploads than 10,000 such parts get larger parts.',
    }),
  })
  .refine(({ KEY, SECRET }) => !(KEY !== undefined && SECRET === undefined), {
    path: ['SECRET'],
    error: 'is missing: KEY and SECRET go together',
    when: () => true,
  })
  .refine(({ KEY, SECRET }) => !(SECRET !== undefined && KEY === undefined), {
    path: ['KEY'],
    error: 'is missing: KEY and SECRET go together',
    when: () => true,
  })
  .refine(
    (options) =>
      options.SERVER_SIDE_ENCRYPTION_KMS_KEY_ID === undefined ||
      options.SERVER_SIDE_ENCRYPTION?.startsWith('aws:kms') === true,
    {
      path: ['SERVER_SIDE_ENCRYPTION_KMS_KEY_ID'],
      error: 'needs SERVER_SIDE_ENCRYPTION aws:kms or aws:kms:dsse',
      when: () => true,
    },
  )
  .transform((options) => ({
    bucket: options.BUCKET,
    credentials: credentials(options),
    region: options.REGION,
    endpoint: options.ENDPOINT,
    root: options.ROOT,
    forcePathStyle: options.FORCE_PATH_STYLE,
    acl: options.ACL,
    serverSideEncryption: options.SERVER_SIDE_ENCRYPTION,
    serverSideEncryptionKmsKeyId: options.SERVER_SIDE_ENCRYPTION_KMS_KEY_ID,
    connectionTimeoutMs: options.CONNECTION_TIMEOUT,
    socketTimeoutMs: options.SOCKET_TIMEOUT,
    maxSockets: options.MAX_SOCKETS,
    keepAlive: options.KEEP_ALIVE,
    checksum: options.CHECKSUM,
    tus: {
      chunkSizeBytes: options.TUS__CHUNK_SIZE,
      equalParts: options.TUS__EQUAL_PARTS ?? isR2(options.ENDPOINT),
    },
  }))

export type S3Options = Readonly<z.output<typeof s3OptionsSchema>>

/** Cloudflare R2, "Multipart upload limits": all parts but the last must have the same size. */
function isR2(url: string | undefined): boolean {
  return url !== undefined && new URL(url).hostname.endsWith('.r2.cloudflarestorage.com')
}

function chunkSize() {
  return size.refine((bytes) => bytes >= MIN_PART_BYTES && bytes <= MAX_PART_BYTES, {
    error: 'must be at least 5 MiB (5242880), the smallest part that S3 takes, and at most 5 GiB',
  })
}

function credentials(options: { readonly KEY?: string | undefined; readonly SECRET?: string | undefined }) {
  if (options.KEY === undefined || options.SECRET === undefined) return undefined
  return { accessKeyId: options.KEY, secretAccessKey: options.SECRET }
}
