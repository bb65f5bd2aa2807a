import { mkdtemp, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { TuskerError } from '../../../src/core/errors.ts'
import type { Locker } from '../../../src/core/ports.ts'
import { type UploadId, createUploadId } from '../../../src/core/upload-id.ts'
import type { UploadStore } from '../../../src/core/upload-store.ts'

import { type ExpireUploadsOptions, expireUploads } from '../../../src/lifecycle/expire-uploads.ts'
import { createMemoryLocker } from '../../../src/locks/memory-locker.ts'
import { openDriver } from '../../../src/storage/drivers/local/driver.ts'
import { NO_FINALS } from '../../support/no-finals.ts'
import { silentLogger } from '../../support/tus-test-server.ts'

const DAY_MS = 86_400_000

let root: string
let store: UploadStore
let locker: Locker

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tusker-expiry-'))
  const { uploads } = await openDriver({ root })
  if (!uploads) throw new Error('the local driver has no uploads')
  store = uploads
  locker = createMemoryLocker({ timeoutMs: 50 })
})

afterEach(() => rm(root, { recursive: true, force: true }))

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

async function createUpload(
  text = 'hel',
  lengthBytes: number | undefined = 5,
  { createdAt = new Date() }: { readonly createdAt?: Date } = {},
): Promise<UploadId> {
  const id = createUploadId()
  const info = { id, lengthBytes, metadata: {}, rawMetadata: undefined, createdAt }
  const begun = await store.begin(info)
  if (text !== '') await begun.write(bytesOf(text))
  return id
}

/** Sweeps as it would be done `days` from now, with an expiration of one day. */
function sweep(days: number, options: Partial<ExpireUploadsOptions> = {}): Promise<number> {
  return expireUploads({
    locationName: 'local',
    store,
    locker,
    expirationMs: DAY_MS,
    expirationMode: 'absolute',
    clock: () => Date.now() + days * DAY_MS,
    logger: silentLogger,
    partialRetentionMs: DAY_MS,
    finals: NO_FINALS,
    signal: new AbortController().signal,
    ...options,
  })
}

async function remaining(): Promise<readonly UploadId[]> {
  const ids: UploadId[] = []
  for await (const { id } of store.list()) ids.push(id)
  return ids
}

test('removes what is unfinished and too old, and says how many', async () => {
  await createUpload()
  await createUpload('')
  await createUpload('abc', undefined)
  expect(await sweep(2)).toBe(3)
  expect(await remaining()).toEqual([])
})

test('leaves what is younger than the expiration', async () => {
  await createUpload()
  expect(await sweep(0.9)).toBe(0)
  expect(await remaining()).toHaveLength(1)
})

test('EX-04: in sliding mode counts from when bytes were last stored', async () => {
  const old = { createdAt: new Date(Date.now() - 10 * DAY_MS) }
  const active = await createUpload('hel', 5, old)
  const idle = await createUpload('hel', 5, old)
  const twoDaysAgo = new Date(Date.now() - 2 * DAY_MS)
  for (const suffix of ['.part', '.info'])
    await utimes(join(root, `${idle}${suffix}`), twoDaysAgo, twoDaysAgo)
  await utimes(join(root, `${active}.info`), twoDaysAgo, twoDaysAgo)
  expect(await sweep(0, { expirationMode: 'sliding' })).toBe(1)
  expect(await remaining()).toEqual([active])
  expect(await sweep(0)).toBe(1)
})

test('F1, EX-07: never removes a finished upload, however old', async () => {
  const ids = [await createUpload('hello'), await createUpload('', 0)]
  expect(await sweep(1000)).toBe(0)
  for (const id of ids) expect((await store.open(id)).upload.id).toBe(id)
})

test('never sweeps an upload that is being written, and does not disturb who writes', async () => {
  const id = await createUpload()
  const requestRelease = vi.fn<() => void>()
  await locker.newLock(`local/${id}`).lock(new AbortController().signal, requestRelease)
  expect(await sweep(2)).toBe(0)
  expect(requestRelease).not.toHaveBeenCalled()
  expect(await remaining()).toEqual([id])
})

test('L5: holds the lock while it removes, and frees it afterwards', async () => {
  const id = await createUpload()
  const lockedDuring: boolean[] = []
  const watched = Object.assign(Object.create(store) as UploadStore, {
    list: store.list.bind(store),
    info: store.info.bind(store),
    open: store.open.bind(store),
    remove: async (removed: UploadId) => {
      lockedDuring.push(!(await locker.newLock(`local/${id}`).tryLock(() => undefined)))
      await store.remove(removed)
    },
  })
  expect(await sweep(2, { store: watched })).toBe(1)
  expect(lockedDuring).toEqual([true])
  expect(await locker.newLock(`local/${id}`).tryLock(() => undefined)).toBe(true)
})

test('an upload that fails is logged with its id, and does not stop the sweep or keep its lock', async () => {
  const ids = [await createUpload(), await createUpload(), await createUpload()]
  const [broken = ids[0]] = await remaining()
  const warn = vi.fn<(facts: object, message: string) => void>()
  const faulty = Object.assign(Object.create(store) as UploadStore, {
    list: store.list.bind(store),
    info: store.info.bind(store),
    remove: store.remove.bind(store),
    open: (id: UploadId) =>
      id === broken ? Promise.reject(new TuskerError('ERR_STORAGE_UNAVAILABLE')) : store.open(id),
  })
  expect(await sweep(2, { store: faulty, logger: { ...silentLogger, warn } })).toBe(2)
  expect(await remaining()).toEqual([broken])
  expect(warn).toHaveBeenCalledTimes(1)
  expect(warn.mock.calls[0]?.[0]).toMatchObject({ location: 'local', uploadId: broken })
  expect(await sweep(2)).toBe(1)
})

test('removes the record of an upload whose bytes are gone', async () => {
  const id = await createUpload()
  await rm(join(root, `${id}.part`))
  expect(await sweep(2)).toBe(1)
  expect(await remaining()).toEqual([])
})

test('stops between two uploads when it is told to', async () => {
  await createUpload()
  await createUpload()
  const controller = new AbortController()
  const stopping = Object.assign(Object.create(store) as UploadStore, {
    list: store.list.bind(store),
    info: store.info.bind(store),
    open: store.open.bind(store),
    remove: async (id: UploadId) => {
      await store.remove(id)
      controller.abort()
    },
  })
  expect(await sweep(2, { store: stopping, signal: controller.signal })).toBe(1)
  expect(await remaining()).toHaveLength(1)
})
