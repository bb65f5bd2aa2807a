import { mkdtemp, readFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type UploadId, createUploadId } from '../../src/core/upload-id.ts'
import { LocalUploadStore } from '../../src/storage/drivers/local/upload-store.ts'

/** What a process that died in the middle leaves behind, and what the next one makes of it. */
describe('after a crash, a local upload', () => {
  let root: string
  let store: LocalUploadStore
  let id: UploadId

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tusker-crash-'))
    store = new LocalUploadStore(root)
    id = createUploadId()
    const info = { id, lengthBytes: 10, metadata: {}, rawMetadata: undefined, createdAt: new Date() }
    await (await store.begin(info)).write(bytes('01234'))
  })

  afterEach(async () => await rm(root, { recursive: true, force: true }))

  const path = (suffix = ''): string => join(root, `${id}${suffix}`)

  test('whose last byte is stored but which was not renamed yet is finished', async () => {
    await writeFile(path('.part'), '0123456789')
    expect((await store.open(id)).upload.offsetBytes).toBe(10)
    expect(await readFile(path(), 'utf8')).toBe('0123456789')
    expect(await readdir(root)).toEqual([id, `${id}.info`])
  })

  test('that lost the unwritten end of its file goes on from what is there', async () => {
    await truncate(path('.part'), 3)
    const opened = await store.open(id)
    expect(opened.upload.offsetBytes).toBe(3)
    await opened.write(bytes('3456789'))
    expect(await readFile(path(), 'utf8')).toBe('0123456789')
  })

  test('that was half removed can be removed again', async () => {
    await rm(path('.part'))
    await expect(store.open(id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE' })
    await store.remove(id)
    expect(await readdir(root)).toEqual([])
  })

  test('whose record is torn is damaged, not missing, and its bytes are kept', async () => {
    await writeFile(path('.info'), '{"version":1,"leng')
    await expect(store.open(id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_DAMAGED', status: 500 })
    expect(await readFile(path('.part'), 'utf8')).toBe('01234')
  })

  test('that was never recorded is no upload, and its empty file is listed nowhere', async () => {
    const orphan = createUploadId()
    await writeFile(join(root, `${orphan}.part`), '')
    await expect(store.open(orphan)).rejects.toMatchObject({ code: 'ERR_UPLOAD_NOT_FOUND' })
    const listed: string[] = []
    for await (const entry of store.list()) listed.push(entry.id)
    expect(listed).toEqual([id])
  })

  test('whose file was moved away by somebody else is gone, not complete', async () => {
    await rename(path('.part'), join(root, 'elsewhere'))
    await expect(store.open(id)).rejects.toMatchObject({ code: 'ERR_UPLOAD_GONE', status: 410 })
  })
})

async function* bytes(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text)
}
