import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseObjectKey } from '../../src/core/object-key.ts'
import type { S3UploadStore } from '../../src/storage/drivers/s3/upload-store.ts'
import { type FlipProxy, startFlipProxy } from '../support/flip-proxy.ts'
import { openS3Location } from '../support/s3-location.ts'
import { type S3TestServer, startS3Server } from '../support/s3-test-server/server.ts'
import {
  BUCKET,
  SMALL_PART as PART,
  chunks,
  openStore,
  sendInSteps,
  uploadInfo,
} from '../support/s3-uploads.ts'

const AUTO = { checksum: 'auto' } as const
const SIZES = [[100], [PART], [4 * PART + 9]] as const

let s3: S3TestServer

async function serve(checksums?: 'ignore' | 'refuse'): Promise<void> {
  const quirks = checksums === undefined ? {} : { checksums }
  s3 = await startS3Server({ buckets: [BUCKET], minPartSizeBytes: PART, quirks })
}

afterEach(() => s3.close())

function object(id: string): Buffer | undefined {
  return s3.objects(BUCKET).get(id)?.body
}

/** Of the requests that carry bytes, whether each has a checksum. */
function carriesChecksum(): boolean[] {
  return s3.requests
    .filter(({ operation }) => operation === 'PutObject' || operation === 'UploadPart')
    .map(({ headers }) => Object.keys(headers).some((name) => name.startsWith('x-amz-checksum-')))
}

describe('a store that takes no notice of checksums', () => {
  beforeEach(() => serve('ignore'))

  test.each(SIZES)('gets none after its first answer (an upload of %i bytes)', async (sizeBytes) => {
    const store = openStore(s3, AUTO)
    for (let count = 0; count < 2; count += 1) {
      const data = randomBytes(sizeBytes)
      const begun = await store.begin(uploadInfo(sizeBytes))
      await begun.write(chunks(data))
      expect(object(begun.upload.id)?.equals(data)).toBe(true)
    }
    store.s3.close()
    expect(carriesChecksum().length).toBeGreaterThan(2)
    // The answer to CreateMultipartUpload says it before any byte is sent.
    expect(carriesChecksum()).toEqual(carriesChecksum().map((_, index) => index === 0 && sizeBytes <= PART))
  })

  test('shows it to every new process, and uploads that were begun before are completed', async () => {
    const data = randomBytes(6 * PART + 9)
    const cuts = [PART + 1, 3 * PART, 5 * PART + 2]
    const { id } = await sendInSteps(s3, data, { processes: [AUTO, AUTO, AUTO, AUTO], cuts })
    expect(object(id)?.equals(data)).toBe(true)
    // Each process learns it from its first answer.
    expect(carriesChecksum().at(0)).toBe(false)
    expect(carriesChecksum().at(-1)).toBe(false)
  })

  test.each(['crc32', 'crc64nvme', 'sha256'] as const)(
    'is sent %s all the same if CHECKSUM says so, also through changes of it',
    async (checksum) => {
      const data = randomBytes(6 * PART + 9)
      const processes = [{ checksum }, AUTO, { checksum: 'none' }, { checksum }] as const
      const { id } = await sendInSteps(s3, data, { processes, cuts: [PART + 1, 3 * PART, 5 * PART + 2] })
      expect(object(id)?.equals(data)).toBe(true)
    },
  )
})

describe('a store that refuses checksums', () => {
  beforeEach(() => serve('refuse'))

  test.each([[100], [PART - 1]])(
    'gets its first request again without, and then none any more (an upload of %i bytes)',
    async (sizeBytes) => {
      const store = openStore(s3, AUTO)
      const data = randomBytes(sizeBytes)
      const begun = await store.begin(uploadInfo(sizeBytes))
      await begun.write(chunks(data))
      expect(object(begun.upload.id)?.equals(data)).toBe(true)
      const sent = carriesChecksum()
      expect(sent[0]).toBe(true)
      expect(sent.slice(sent.indexOf(false))).not.toContain(true)
      store.s3.close()
    },
    20_000,
  )

  test('has uploads of several parts, once it has refused a first request', async () => {
    const store = openStore(s3, AUTO)
    await store.begin(uploadInfo(100))
    const data = randomBytes(4 * PART + 9)
    const begun = await store.begin(uploadInfo(data.byteLength))
    await begun.write(chunks(data))
    expect(object(begun.upload.id)?.equals(data)).toBe(true)
    store.s3.close()
  }, 20_000)

  test('is sent no checksum at all with CHECKSUM=none', async () => {
    const data = randomBytes(4 * PART + 9)
    const none = { checksum: 'none' } as const
    const { id } = await sendInSteps(s3, data, { processes: [none, none], cuts: [2 * PART + 1] })
    expect(object(id)?.equals(data)).toBe(true)
    // Each process learns it from its first answer.
    expect(carriesChecksum().at(0)).toBe(false)
    expect(carriesChecksum().at(-1)).toBe(false)
  })

  test('makes nothing of what it refused: with an algorithm that was asked for, the upload fails', async () => {
    const store = openStore(s3, { checksum: 'sha256' })
    await expect(store.begin(uploadInfo(100))).rejects.toMatchObject({
      details: { s3Code: 'NotImplemented' },
    })
    expect([...s3.objects(BUCKET).keys()]).toEqual([])
    store.s3.close()
  }, 20_000)
})

describe('bytes that are changed on their way to the store', () => {
  let proxy: FlipProxy
  let store: S3UploadStore

  beforeEach(() => serve())

  afterEach(async () => {
    store.s3.close()
    await proxy.close()
  })

  /** A store behind a proxy that changes one bit of the first body of that kind. */
  async function openBehindProxy(kind: 'part' | 'tail' | 'object', checksum: 'auto' | 'none'): Promise<void> {
    const matches = { part: /partNumber=2&/, tail: /\.part/, object: /^[^.?]+$/ }[kind]
    proxy = await startFlipProxy({
      target: s3.endpoint,
      matches: ({ method, url = '' }) => method === 'PUT' && matches.test(url),
    })
    store = openStore({ ...s3, endpoint: proxy.url }, { checksum })
  }

  const KINDS = [
    ['part', 4 * PART + 9, 4 * PART],
    ['tail', 4 * PART + 9, 3 * PART + 5],
    ['object', 1000, 1000],
  ] as const

  test.each(KINDS)(
    'never become part of an upload: those of a %s are refused, and sent again from memory',
    async (kind, sizeBytes, firstBytes) => {
      await openBehindProxy(kind, 'auto')
      const data = randomBytes(sizeBytes)
      const begun = await store.begin(uploadInfo(sizeBytes))
      await begun.write(chunks(data.subarray(0, firstBytes)))
      expect(proxy.flipped()).toBe(1)
      expect(s3.requests.map(({ status }) => status)).toContain(400)

      const found = await store.open(begun.upload.id)
      expect(found.upload.offsetBytes).toBe(firstBytes)
      await found.write(chunks(data.subarray(found.upload.offsetBytes)))
      expect(object(begun.upload.id)?.equals(data)).toBe(true)
      expect(s3.multipartUploads(BUCKET)).toEqual([])
    },
  )

  test('are not noticed by anyone without a checksum', async () => {
    await openBehindProxy('part', 'none')
    const data = randomBytes(4 * PART + 9)
    const begun = await store.begin(uploadInfo(data.byteLength))
    await begun.write(chunks(data))
    expect(proxy.flipped()).toBe(1)
    expect(object(begun.upload.id)?.equals(data)).toBe(false)
  })
})

describe('a checksum that is refused', () => {
  beforeEach(() => serve('refuse'))

  test('does not stop the first upload of a process, though it has several parts', async () => {
    const data = randomBytes(4 * PART + 9)
    const { id } = await sendInSteps(s3, data, { processes: [AUTO], cuts: [] })
    expect(object(id)?.equals(data)).toBe(true)
  })

  test('does not stop a long stream that is written as an object', async () => {
    const driver = await openS3Location(s3, BUCKET, AUTO)
    const data = randomBytes(6 * 1024 ** 2)
    await driver.write(parseObjectKey('stream'), Readable.from([data]))
    expect(object('stream')?.equals(data)).toBe(true)
    await driver.close()
  })
})

describe('one refusal that was not for the checksum', () => {
  beforeEach(() => serve())

  test.each([
    [400, 'InvalidRequest'],
    [400, 'InvalidArgument'],
    [501, 'NotImplemented'],
  ])('(%i %s) leaves the uploads usable that were begun with one', async (status, code) => {
    const data = randomBytes(4 * PART + 9)
    const info = uploadInfo(data.byteLength)
    const first = openStore(s3, AUTO)
    await (await first.begin(info)).write(chunks(data.subarray(0, PART + 5)))
    first.s3.close()

    const second = openStore(s3, AUTO)
    s3.faults.inject({ operation: 'PutObject', fault: { kind: 'status', status, code } })
    await second.begin(uploadInfo(10))
    const found = await second.open(info.id)
    await found.write(chunks(data.subarray(found.upload.offsetBytes)))
    expect(object(info.id)?.equals(data)).toBe(true)
    second.s3.close()
  })
})
