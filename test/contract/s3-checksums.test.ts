import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseObjectKey } from '../../src/core/object-key.ts'
import type { S3Options } from '../../src/storage/drivers/s3/options.ts'
import { openS3Location } from '../support/s3-location.ts'
import { type S3Request, type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import { BUCKET, SMALL_PART as PART, openStore, sendInSteps } from '../support/s3-uploads.ts'

type Choice = S3Options['checksum']

/** The server is as strict as AWS: what it accepted with a checksum was what the checksum says (s3-checksum-rules.test.ts). */
describe('checksums of what is sent to S3', () => {
  let s3: S3TestServer

  beforeEach(async () => {
    s3 = await startS3Server({ buckets: [BUCKET], minPartSizeBytes: PART })
  })

  afterEach(() => s3.close())

  function carrying(...operations: readonly string[]): string[] {
    return s3.requests.filter(({ operation }) => operations.includes(operation)).map(checksumOf)
  }

  /** Every kind of request that carries bytes: of an upload in one part, in several, in pieces, and of an object. */
  const SHAPES: Readonly<Record<string, (checksum: Choice) => Promise<Sent>>> = {
    'an upload in one part': async (checksum) => await send(checksum, PART - 1, [1, 2]),
    'an upload of exactly one part': async (checksum) => await send(checksum, PART, []),
    'an upload in several parts': async (checksum) => await send(checksum, 4 * PART + 17, []),
    'an upload whose tail is kept in pieces': async (checksum) =>
      await send(checksum, 3 * PART, [9, PART + 1, PART + 5, PART + 6, 2 * PART, 3 * PART - 1]),
    'an upload of unknown length': async (checksum) =>
      await send(checksum, 3 * PART + 1, [PART - 1, 2 * PART + 3], true),
    'an upload of unknown length that is small': async (checksum) => await send(checksum, 100, [50], true),
    'an object written from a buffer': async (checksum) => await write(checksum, 1000, false),
    'an object written from a short stream': async (checksum) => await write(checksum, 1000, true),
    'an object written from a long stream': async (checksum) => await write(checksum, 3 * PART + 5, true),
  }

  interface Sent {
    readonly key: string
    readonly data: Buffer
  }

  async function send(checksum: Choice, sizeBytes: number, cuts: number[], late = false): Promise<Sent> {
    const data = randomBytes(sizeBytes)
    const processes = Array.from({ length: cuts.length + 1 }, () => ({ checksum }))
    const { id } = await sendInSteps(s3, data, { processes, cuts, declaresLate: late })
    return { key: id, data }
  }

  async function write(checksum: Choice, sizeBytes: number, isStream: boolean): Promise<Sent> {
    const data = randomBytes(sizeBytes)
    const tus = { chunkSizeBytes: PART, equalParts: false }
    const driver = await openS3Location(s3, BUCKET, { checksum, tus })
    await driver.write(parseObjectKey('a/b'), isStream ? Readable.from([data]) : data)
    await driver.close()
    return { key: 'a/b', data }
  }

  const CHOICES: readonly (readonly [choice: Choice, sent: string])[] = [
    ['auto', 'crc32'],
    ['crc32', 'crc32'],
    ['crc64nvme', 'crc64nvme'],
    ['sha256', 'sha256'],
    ['none', 'none'],
  ]
  const CASES = CHOICES.flatMap(([choice, sent]) =>
    Object.entries(SHAPES).map(([shape, make]) => [choice, sent, shape, make] as const),
  )

  test.each(CASES)(
    'CHECKSUM=%s: everything carries %s that the store verified: %s',
    async (choice, sent, _, make) => {
      const { key, data } = await make(choice)
      const object = s3.objects(BUCKET).get(key)
      expect(object?.body.equals(data)).toBe(true)
      expect(Object.keys(object?.checksums ?? {})).toEqual(sent === 'none' ? [] : [`x-amz-checksum-${sent}`])
      expect(new Set(carrying('PutObject', 'UploadPart'))).toEqual(new Set([sent]))
      expect(s3.requests.every(({ status }) => status < 400 || status === 404)).toBe(true)
      expect(s3.multipartUploads(BUCKET)).toEqual([])
    },
  )

  test.each([
    [['crc32', 'none', 'sha256', 'crc64nvme', 'auto', 'crc32'], 'crc32'],
    [['auto', 'sha256', 'none', 'crc64nvme', 'crc32', 'auto'], 'crc32'],
    [['none', 'crc32', 'sha256', 'auto', 'crc64nvme', 'none'], 'none'],
    [['sha256', 'none', 'crc64nvme', 'auto', 'crc32', 'sha256'], 'sha256'],
    [['crc64nvme', 'auto', 'none', 'crc32', 'sha256', 'crc64nvme'], 'crc64nvme'],
  ] as const)(
    'an upload goes on through restarts with CHECKSUM=%s: its parts all have %s',
    async (choices, inParts) => {
      const data = randomBytes(9 * PART + 1)
      const processes = choices.map((checksum) => ({ checksum }))
      // Between parts, within one, and in one that was begun by another process before.
      const cuts = [PART + 100, 2 * PART, 4 * PART + 5, 4 * PART + 9, 7 * PART - 1]
      const { id } = await sendInSteps(s3, data, { processes, cuts })
      expect(s3.objects(BUCKET).get(id)?.body.equals(data)).toBe(true)
      expect(carrying('UploadPart')).toHaveLength(10)
      expect(new Set(carrying('UploadPart'))).toEqual(new Set([inParts]))
    },
  )

  test.each(['crc32', 'crc64nvme', 'sha256'] as const)(
    'all bytes are in parts and the process died before Complete: the next look repeats each %s',
    async (checksum) => {
      const data = randomBytes(3 * PART)
      s3.faults.inject({
        operation: 'CompleteMultipartUpload',
        fault: { kind: 'status', status: 403, code: 'AccessDenied' },
      })
      const sending = sendInSteps(s3, data, { processes: [{ checksum }], cuts: [] })
      await expect(sending).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
      const { key = '' } = s3.multipartUploads(BUCKET)[0] ?? {}
      const store = openStore(s3, { checksum: 'none' })
      expect((await store.getUpload(key)).offset).toBe(data.byteLength)
      store.s3.close()
      expect(s3.objects(BUCKET).get(key)?.body.equals(data)).toBe(true)
    },
  )

  test.each(['auto', 'crc32', 'crc64nvme', 'sha256'] as const)(
    'CHECKSUM=%s: an upload of an older version, whose record names none, goes on without',
    async (checksum) => {
      const data = randomBytes(4 * PART + 3)
      const processes = [{ checksum: 'none' }, { checksum }, { checksum }] as const
      const cuts = [PART + 7, 3 * PART + 1]
      const { id } = await sendInSteps(s3, data, { processes, cuts, between: (id) => makeOld(`${id}.info`) })
      expect(s3.objects(BUCKET).get(id)?.body.equals(data)).toBe(true)
      expect(carrying('UploadPart')).toEqual(Array.from({ length: 5 }, () => 'none'))
      expect(carrying('PutObject').at(-1)).toBe(checksum === 'auto' ? 'crc32' : checksum)
    },
  )

  /** Leaves of a record what stock @tus/s3-store writes. */
  function makeOld(key: string): void {
    const record = s3.objects(BUCKET).get(key)
    if (record === undefined) throw new Error(`There is no ${key}`)
    const { id, metadata, size, offset, creation_date, storage } = JSON.parse(String(record.body)) as Record<
      string,
      unknown
    >
    record.body = Buffer.from(JSON.stringify({ id, metadata, size, offset, creation_date, storage }))
  }
})

/** The algorithm that a request carries; `none`. */
function checksumOf({ headers }: S3Request): string {
  const names = Object.keys(headers).filter((name) => name.startsWith('x-amz-checksum-'))
  return names.map((name) => name.slice('x-amz-checksum-'.length)).join('+') || 'none'
}
