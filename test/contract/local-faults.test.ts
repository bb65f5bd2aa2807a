import { mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Driver } from '../../src/core/driver.ts'
import { parseObjectKey } from '../../src/core/object-key.ts'
import { type UploadId, createUploadId } from '../../src/core/upload-id.ts'
import type { UploadInfo } from '../../src/core/upload.ts'
import { openDriver } from '../../src/storage/drivers/local/driver.ts'
import { LocalUploadStore } from '../../src/storage/drivers/local/upload-store.ts'

/** What somebody else does to the directory, or its disk, behind our back. */
describe('a local location', () => {
  let parent: string
  let root: string
  let driver: Driver
  let store: LocalUploadStore

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'tusker-faults-'))
    root = join(parent, 'data')
    driver = await openDriver({ root })
    store = new LocalUploadStore(root)
  })

  afterEach(async () => await rm(parent, { recursive: true, force: true }))

  const KEY = parseObjectKey('folder/file')

  function infoOf(id: UploadId, lengthBytes = 10): UploadInfo {
    return { id, lengthBytes, metadata: {}, rawMetadata: undefined, createdAt: new Date() }
  }

  async function begun(text: string, id = createUploadId()): Promise<UploadId> {
    await (await store.begin(infoOf(id))).write(bytes(text))
    return id
  }

  describe('keeps the bytes of an upload', () => {
    test.each(['01234', '0123456789'])('(%s of ten) whose id is used again', async (text) => {
      const id = await begun(text)
      await expect(store.begin(infoOf(id, 3))).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
      const { upload } = await store.open(id)
      expect(upload).toMatchObject({ lengthBytes: 10, offsetBytes: text.length })
      expect(await contentOf(id, text)).toBe(text)
    })

    test('whose body fails: all that had arrived', async () => {
      const id = await begun('012')
      const opened = await store.open(id)
      await expect(opened.write(failingAfter('3456'))).rejects.toThrow('the socket is gone')
      expect((await store.open(id)).upload.offsetBytes).toBe(7)
      expect(await readFile(join(root, `${id}.part`), 'utf8')).toBe('0123456')
    })

    async function contentOf(id: UploadId, text: string): Promise<string> {
      return await readFile(join(root, text.length === 10 ? id : `${id}.part`), 'utf8')
    }
  })

  describe('takes no bytes for an upload', () => {
    test('whose file is longer than the upload: damaged', async () => {
      const id = await begun('01234')
      await writeFile(join(root, `${id}.part`), '0123456789and more')
      await expect(store.open(id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_DAMAGED' })
      expect(await readdir(root)).toContain(`${id}.part`)
    })

    test('whose finished object was cut: damaged, not incomplete', async () => {
      const id = await begun('0123456789')
      await truncate(join(root, id), 4)
      await expect(store.open(id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_DAMAGED' })
    })

    test('whose file became a link to another: gone, and the other is not touched', async () => {
      const id = await begun('01234')
      const other = join(parent, 'precious')
      await writeFile(other, 'precious')
      await rm(join(root, `${id}.part`))
      await symlink(other, join(root, `${id}.part`))
      await expect(store.open(id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE' })
      expect(await readFile(other, 'utf8')).toBe('precious')
    })
  })

  test('does not follow a link out of its directory, to read, write, copy, list or delete', async () => {
    const outside = join(parent, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'file'), 'precious')
    await symlink(outside, join(root, 'folder'))
    const here = parseObjectKey('here')
    await driver.write(here, Buffer.from('mine'))

    for (const call of [
      () => driver.read(KEY),
      () => driver.stat(KEY),
      () => driver.write(KEY, Buffer.from('mine')),
      () => driver.copy(here, KEY),
      () => driver.move(here, KEY),
      () => driver.delete(KEY),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'ERR_STORAGE_REJECTED' })
    expect(await keysOf(driver, 'folder/')).toEqual([])
    expect(await readFile(join(outside, 'file'), 'utf8')).toBe('precious')
    expect(await readdir(outside)).toEqual(['file'])
  })

  test('a link in the place of a file is no object', async () => {
    await writeFile(join(parent, 'secret'), 'secret')
    await symlink(join(parent, 'secret'), join(root, 'link'))
    await expect(driver.read(parseObjectKey('link'))).rejects.toMatchObject({ code: 'ERR_OBJECT_NOT_FOUND' })
    await expect(driver.stat(parseObjectKey('link'))).rejects.toMatchObject({ code: 'ERR_OBJECT_NOT_FOUND' })
  })

  test('that has gone calls nothing missing, or clients would start from zero', async () => {
    const id = await begun('01234')
    await rm(root, { recursive: true })
    for (const call of [
      () => store.open(id),
      () => store.info(id),
      () => store.remove(id),
      () => store.begin(infoOf(createUploadId())),
      () => driver.read(KEY),
      () => driver.stat(KEY),
      () => driver.exists(KEY),
      () => driver.delete(KEY),
      () => driver.ping(),
      () => keysOf(driver, ''),
      () => store.list()[Symbol.asyncIterator]().next(),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'ERR_STORAGE_UNAVAILABLE', status: 503 })
    expect(await readdir(parent)).toEqual([])
  })

  test('says nothing of its paths to a client', async () => {
    await driver.write(parseObjectKey('file'), Buffer.from('x'))
    await driver.write(KEY, Buffer.from('x'))
    for (const call of [
      () => driver.write(parseObjectKey('file/below'), Buffer.from('x')),
      () => driver.write(parseObjectKey('folder'), Buffer.from('x')),
      () => driver.write(parseObjectKey('x'.repeat(300)), Buffer.from('x')),
    ])
      await expect(call()).rejects.toSatisfy(
        (error: Error) => error.name === 'TuskerError' && !error.message.includes(parent),
      )
    await driver.delete(parseObjectKey('folder'))
    expect(await driver.exists(KEY)).toBe(true)
  })
})

async function keysOf(driver: Driver, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of driver.list(prefix)) keys.push(key)
  return keys
}

async function* bytes(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text)
}

async function* failingAfter(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text)
  throw new Error('the socket is gone')
}
