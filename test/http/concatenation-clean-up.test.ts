import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type UploadId, createUploadId } from '../../src/core/upload-id.ts'
import type { StoredUpload, UploadStore } from '../../src/core/upload-store.ts'
import type { UploadConcat, UploadInfo } from '../../src/core/upload.ts'
import { type ExpireUploadsOptions, expireUploads } from '../../src/lifecycle/expire-uploads.ts'
import { createMemoryLocker } from '../../src/locks/memory-locker.ts'
import { openDriver } from '../../src/storage/drivers/local/driver.ts'
import { Concatenations } from '../../src/tus/concatenation/concatenations.ts'
import type { TusServerOptions } from '../../src/tus/tus-context.ts'
import { chunksOf } from '../support/chunks.ts'
import { silentLogger } from '../support/tus-test-server.ts'

const DAY_MS = 86_400_000

let root: string
let store: UploadStore
let finals: Concatenations
let options: TusServerOptions & Pick<ExpireUploadsOptions, 'signal'>

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tusker-partials-'))
  await restart()
})

afterEach(async () => {
  await finals.stop()
  await rm(root, { recursive: true, force: true })
})

/** Nobody remembers which final uploads wait for which partial ones. */
async function restart(): Promise<void> {
  const { uploads } = await openDriver({ root })
  if (!uploads) throw new Error('the local driver has no uploads')
  store = uploads
  options = {
    locationName: 'local',
    mode: 'rw',
    store,
    locker: createMemoryLocker({ timeoutMs: 1_000 }),
    logger: silentLogger,
    clock: Date.now,
    maxSizeBytes: undefined,
    expirationMs: 7 * DAY_MS,
    expirationMode: 'absolute',
    partialRetentionMs: DAY_MS,
    rufhInformational: false,
    bodyIdleTimeoutMs: 1_000,
    uploadUrl: (_request, id) => `/files/${id}`,
    signal: new AbortController().signal,
  }
  finals = new Concatenations(options)
}

/** Sweeps as it would be done `days` from now. */
async function sweep(days: number, changed: Partial<ExpireUploadsOptions> = {}): Promise<number> {
  const clock = (): number => Date.now() + days * DAY_MS
  return await expireUploads({ ...options, clock, finals, ...changed })
}

function infoOf(concat: UploadConcat, lengthBytes: number | undefined): UploadInfo {
  const createdAt = new Date()
  return { id: createUploadId(), lengthBytes, metadata: {}, rawMetadata: undefined, createdAt, concat }
}

async function partial(sent = 'abc'): Promise<UploadId> {
  const begun = await store.begin(infoOf({ kind: 'partial', raw: 'partial' }, 3))
  if (sent !== '') await begun.write(chunksOf(Buffer.from(sent)))
  return begun.upload.id
}

function finalOf(...partialIds: readonly UploadId[]) {
  const concat = { kind: 'final', raw: 'final;/a', partialIds } as const
  return { ...infoOf(concat, partialIds.length * 3), concat }
}

async function makeFinal(...partialIds: readonly UploadId[]): Promise<UploadId> {
  const info = finalOf(...partialIds)
  const pieces = partialIds.map((id) => ({ id, sizeBytes: 3 }))
  await finals.run({ info, pieces, open: async () => await store.begin(info) })
  return info.id
}

/** Recorded, as by a process that then ended. */
async function leavePending(...partialIds: readonly UploadId[]): Promise<UploadId> {
  const info = finalOf(...partialIds)
  await store.begin(info)
  await store.concatenation?.mark(info.id, 'pending')
  return info.id
}

async function listed(): Promise<StoredUpload[]> {
  const found: StoredUpload[] = []
  for await (const stored of store.list()) found.push(stored)
  return found
}

async function remaining(): Promise<UploadId[]> {
  return (await listed()).map(({ id }) => id).toSorted()
}

test('a partial upload is removed when its retention is over after its last use, and its final one stays', async () => {
  const piece = await partial()
  const final = await makeFinal(piece, piece)
  expect(await sweep(0.9)).toBe(0)
  expect(await remaining()).toEqual([piece, final].toSorted())
  expect(await sweep(1.1)).toBe(1)
  expect(await remaining()).toEqual([final])
  expect(await sweep(1_000)).toBe(0)
})

test('a partial upload that is kept for ever is, once it was used; the expiration no longer concerns it', async () => {
  const piece = await partial()
  const final = await makeFinal(piece)
  expect(await sweep(1_000, { partialRetentionMs: undefined })).toBe(0)
  expect(await remaining()).toEqual([piece, final].toSorted())
})

test('a finished partial upload that was never used expires like an unfinished upload', async () => {
  await partial()
  await partial('a')
  expect(await sweep(6.9)).toBe(0)
  expect(await sweep(7.1, { expirationMs: undefined })).toBe(0)
  expect(await sweep(7.1)).toBe(2)
  expect(await remaining()).toEqual([])
})

test('a final upload whose partial ones were finished by another process is made, and no longer waits', async () => {
  const piece = await partial('')
  const final = await leavePending(piece)
  await sweep(0)
  expect((await store.open(final)).upload.offsetBytes).toBe(0)
  await restart()
  await (await store.open(piece)).write(chunksOf(Buffer.from('abc')))
  await sweep(0)
  expect((await store.open(final)).upload).toMatchObject({ offsetBytes: 3, lengthBytes: 3 })
  const [stored] = (await listed()).filter(({ id }) => id === piece)
  expect(stored?.partial?.usedAt).toBeDefined()
  expect((await listed()).some(({ isPending }) => isPending)).toBe(false)
})

test('a partial upload that a final one waits for is not removed, used or not, as long as that lives', async () => {
  const [used, unused, missing] = [await partial(), await partial(), await partial('')]
  const final = await makeFinal(used)
  const waiting = await leavePending(used, unused, missing)
  await finals.resume(waiting)
  expect(await sweep(3)).toBe(0)
  expect(await remaining()).toHaveLength(5)
  // All but the finished one are past their time.
  expect(await sweep(8)).toBeGreaterThan(0)
  await sweep(8)
  expect(await remaining()).toEqual([final])
})

test('a final upload that can never be made is left to expire', async () => {
  const piece = await partial('')
  const waiting = await leavePending(piece)
  await store.remove(piece)
  await sweep(0)
  expect((await listed()).some(({ isPending }) => isPending)).toBe(false)
  expect(await remaining()).toEqual([waiting])
  expect(await sweep(8)).toBe(1)
})

test('one that is being made is not disturbed', async () => {
  const piece = await partial()
  const info = finalOf(piece)
  const pieces = [{ id: piece, sizeBytes: 3 }]
  let swept = -1
  const open = async () => {
    swept = await sweep(100)
    return await store.begin(info)
  }
  await finals.run({ info, pieces, open })
  expect(swept).toBe(0)
  expect((await store.open(info.id)).upload.offsetBytes).toBe(3)
})

test('what is left of a concatenation on the disk that broke off does no harm', async () => {
  const [one, two] = [await partial('abc'), await partial('def')]
  const final = await leavePending(one, two)
  await writeFile(join(root, `${final}.part`), 'abcdefghijklmnop')
  await restart()
  expect((await store.open(final)).upload.offsetBytes).toBe(0)
  await sweep(0)
  expect((await store.open(final)).upload.offsetBytes).toBe(6)
})
