import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { S3UploadStore } from '../../src/storage/drivers/s3/upload-store.ts'
import { type FlipProxy, startFlipProxy } from '../support/flip-proxy.ts'
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
    expect(carriesChecksum()).toEqual(carriesChecksum().map((_, index) => index === 0))
  })

  test('shows it to every new process, and uploads that were begun before are completed', async () => {
    const data = randomBytes(6 * PART + 9)
    const cuts = [PART + 1, 3 * PART, 5 * PART + 2]
    const { id } = await sendInSteps(s3, data, { processes: [AUTO, AUTO, AUTO, AUTO], cuts })
    expect(object(id)?.equals(data)).toBe(true)
    // Parts that left side by side before the first answer have one each.
    expect(carriesChecksum().slice(0, 2)).toEqual([true, false])
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
    expect(carriesChecksum()).not.toContain(true)
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
    ['part', 4 * PART + 9, 4 * PART, PART],
    ['tail', 4 * PART + 9, 3 * PART + 5, 3 * PART],
    ['object', 1000, 1000, 0],
  ] as const

  test.each(KINDS)(
    'never become part of an upload: those of a %s are refused, and sent again they are right',
    async (kind, sizeBytes, firstBytes, rightBytes) => {
      await openBehindProxy(kind, 'auto')
      const data = randomBytes(sizeBytes)
      const begun = await store.begin(uploadInfo(sizeBytes))
      // Whatever comes of it, a tus client goes on after it: no 4xx.
      const status = await begun.write(chunks(data.subarray(0, firstBytes))).then(() => 204, statusOf)
      expect([204, 500, 503]).toContain(status)
      expect(proxy.flipped()).toBe(1)
      expect(s3.requests.map(({ status }) => status)).toContain(400)

      const found = await store.open(begun.upload.id)
      expect(found.upload.offsetBytes).toBe(status === 204 ? firstBytes : rightBytes)
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

function statusOf(error: { readonly status?: number }): number | undefined {
  return error.status
}
