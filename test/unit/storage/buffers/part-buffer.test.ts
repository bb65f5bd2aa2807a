import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BufferMemory, SLAB_BYTES } from '../../../../src/storage/buffers/buffer-memory.ts'
import { PartBuffer } from '../../../../src/storage/buffers/part-buffer.ts'
import type { Payload } from '../../../../src/storage/buffers/payload.ts'

describe('the bytes of a part', () => {
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tusker-buffers-'))
  })

  afterEach(async () => await rm(directory, { recursive: true }))

  function bufferOf(memory: BufferMemory, capacityBytes = 100 * SLAB_BYTES): PartBuffer {
    return new PartBuffer({ memory, spillDirectory: directory }, { capacityBytes })
  }

  test.each([777, SLAB_BYTES - 1, SLAB_BYTES, SLAB_BYTES + 1, 3 * SLAB_BYTES])(
    'come back as they were, in pieces of %i bytes, in memory and on disk',
    async (pieceBytes) => {
      const data = randomBytes(5 * SLAB_BYTES + 123)
      for (const memorySlabs of [100, 3, 1]) {
        const memory = memoryOf(memorySlabs)
        const buffer = bufferOf(memory)
        for (let at = 0; at < data.byteLength; at += pieceBytes)
          expect((await buffer.add(data.subarray(at, at + pieceBytes))).byteLength).toBe(0)
        expect(buffer.isInMemory).toBe(memorySlabs === 100)
        for (const start of [0, 1, SLAB_BYTES, data.byteLength - 1, data.byteLength])
          expect((await bytesOf(buffer.payload(start))).equals(data.subarray(start))).toBe(true)
        // As often as it takes: a request is sent again.
        expect((await bytesOf(buffer.payload())).equals(data)).toBe(true)
        await buffer.release()
        expect(memory.usedBytes).toBe(0)
      }
    },
  )

  test('are no more than fit: the rest is given back', async () => {
    const buffer = bufferOf(memoryOf(1), 10)
    expect((await buffer.add(Buffer.from('0123456789abc'))).toString()).toBe('abc')
    expect(buffer.isFull).toBe(true)
    expect((await bytesOf(buffer.payload())).toString()).toBe('0123456789')
    await buffer.release()
  })

  test('are seen by the observer once each, in order, wherever they are kept', async () => {
    const memory = memoryOf(2)
    const seen: Uint8Array[] = []
    const observer = { update: (bytes: Uint8Array) => void seen.push(Buffer.from(bytes)) }
    const buffer = new PartBuffer({ memory, spillDirectory: directory }, { capacityBytes: 10 ** 6, observer })
    const data = randomBytes(4 * SLAB_BYTES)
    await buffer.add(data.subarray(0, 70_000))
    await buffer.add(data.subarray(70_000))
    expect(Buffer.concat(seen).equals(data)).toBe(true)
    await buffer.release()
  })

  test('leave no file with a name on the disk, not even while they are there', async () => {
    const buffer = bufferOf(memoryOf(1))
    await buffer.add(randomBytes(10 * SLAB_BYTES))
    expect(buffer.isInMemory).toBe(false)
    expect(await readdir(directory)).toEqual([])
    await buffer.release()
  })

  test('that find room neither in memory nor on the disk are refused, and their memory is freed', async () => {
    const memory = memoryOf(2)
    const space = { memory, spillDirectory: join(directory, 'missing') }
    const buffer = new PartBuffer(space, { capacityBytes: 10 ** 7 })
    await expect(buffer.add(randomBytes(3 * SLAB_BYTES))).rejects.toMatchObject({
      code: 'ERR_STORAGE_UNAVAILABLE',
      status: 503,
      message: 'The server has no room for more bytes, try again later',
    })
    await buffer.release()
    expect(memory.usedBytes).toBe(0)
  })
})

/** The first bytes of a small part: they need no permit. */
const REQUEST = { holder: {}, heldSlabs: 0, neededSlabs: 1 }

describe('the memory for uploads', () => {
  test('is no more than its budget, and what was given back is used again', async () => {
    const memory = memoryOf(3)
    const taken = [await memory.take(REQUEST), await memory.take(REQUEST), await memory.take(REQUEST)]
    expect(memory.usedBytes).toBe(3 * SLAB_BYTES)
    expect(await memory.take(REQUEST)).toBeUndefined()
    memory.give(taken.flatMap((slab) => (slab ? [slab] : [])))
    expect(memory.usedBytes).toBe(0)
    expect(taken).toContain(await memory.take(REQUEST))
  })

  test('that is being sent is waited for, in turn', async () => {
    const memory = memoryOf(1)
    const slab = await memory.take(REQUEST)
    memory.countSending(1)
    const order: string[] = []
    const first = memory.take(REQUEST).then((got) => (order.push('first'), got))
    const second = memory.take(REQUEST).then((got) => (order.push('second'), got))
    memory.give(slab ? [slab] : [])
    const got = await first
    expect(got).toBe(slab)
    memory.give(got ? [got] : [])
    expect(await second).toBe(slab)
    expect(order).toEqual(['first', 'second'])
  })

  test('that does not come back in time is given up on', async () => {
    const memory = memoryOf(1)
    await memory.take(REQUEST)
    memory.countSending(1)
    expect(await memory.take(REQUEST)).toBeUndefined()
  })

  test('is taken back from whoever can do without it, before the disk is used', async () => {
    const memory = memoryOf(1)
    const held = await memory.take(REQUEST)
    let asked = 0
    memory.onShortage(() => {
      asked += 1
      if (asked > 1 || !held) return false
      memory.give([held])
      return true
    })
    expect(await memory.take(REQUEST)).toBe(held)
    expect(await memory.take(REQUEST)).toBeUndefined()
    expect(asked).toBe(2)
  })
})

/** With room for so many slabs; the budget has a third more. */
function memoryOf(slabs: number): BufferMemory {
  return new BufferMemory(Math.ceil((slabs * SLAB_BYTES * 4) / 3))
}

async function bytesOf(payload: Payload): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of payload.chunks()) chunks.push(Buffer.from(chunk))
  const bytes = Buffer.concat(chunks)
  expect(bytes.byteLength).toBe(payload.sizeBytes)
  return bytes
}
