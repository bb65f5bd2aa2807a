import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Driver } from '../../src/core/driver.ts'
import { parseObjectKey } from '../../src/core/object-key.ts'

const MIB = 1024 ** 2

export interface DriverSetup {
  readonly driver: Driver
  cleanUp(): Promise<void>
}

/** What every driver promises (src/core/driver.ts), checked on one that starts empty. */
export function driverContract(name: string, setUp: () => Promise<DriverSetup>): void {
  describe(`the driver ${name}`, () => {
    let setup: DriverSetup
    let driver: Driver

    beforeAll(async () => {
      setup = await setUp()
      driver = setup.driver
    })

    afterAll(async () => {
      await driver.close()
      await setup.cleanUp()
    })

    const key = parseObjectKey
    const read = async (text: string): Promise<Buffer> => await buffer(await driver.read(key(text)))
    const write = async (text: string, content: string): Promise<void> =>
      await driver.write(key(text), Buffer.from(content))
    const keys = async (prefix?: string): Promise<string[]> => {
      const found: string[] = []
      for await (const entry of driver.list(prefix)) found.push(entry.key)
      return found.toSorted()
    }

    test.each([
      'plain',
      'with space',
      'plus+sign',
      '100%25',
      'ünïcödé/日本',
      'quote\'"&<>',
      'a/b/c/d',
      'dot.s/..ok',
      '#?&=;,@!$()*',
    ])('gives back what was written under the key %j', async (text) => {
      await write(text, `content of ${text}`)
      expect((await read(text)).toString()).toBe(`content of ${text}`)
      expect(await driver.exists(key(text))).toBe(true)
      await driver.delete(key(text))
      expect(await driver.exists(key(text))).toBe(false)
    })

    test.each([0, 1, 12 * MIB + 3])(
      'gives back %i bytes that were written as a stream',
      async (sizeBytes) => {
        const content = randomBytes(sizeBytes)
        await driver.write(key('stream'), Readable.from(pieces(content)))
        expect((await read('stream')).equals(content)).toBe(true)
        expect((await driver.stat(key('stream'))).sizeBytes).toBe(sizeBytes)
      },
    )

    test('replaces an object, and its ETag changes', async () => {
      await write('twice', 'first')
      const before = await driver.stat(key('twice'))
      await write('twice', 'second, longer')
      const after = await driver.stat(key('twice'))
      expect((await read('twice')).toString()).toBe('second, longer')
      expect(after.etag).not.toBe(before.etag)
      expect(after.etag).toMatch(/^"[^"]+"$/)
      expect(after.sizeBytes).toBe('second, longer'.length)
      expect(Math.abs(after.modifiedAt.getTime() - Date.now())).toBeLessThan(60_000)
    })

    test('keeps the old object when the body of a new one fails', async () => {
      await write('kept', 'old')
      async function* failing(): AsyncIterable<Buffer> {
        yield randomBytes(6 * MIB)
        yield randomBytes(6 * MIB)
        throw new Error('the source broke')
      }
      await expect(driver.write(key('kept'), Readable.from(failing()))).rejects.toThrow('the source broke')
      expect((await read('kept')).toString()).toBe('old')
    })

    test.each([
      [{ start: 0, end: 3 }, '0123'],
      [{ start: 4, end: 6 }, '456'],
      [{ start: 7 }, '789'],
      [{ start: 9, end: 100 }, '9'],
      [{ start: 0, end: 0 }, '0'],
    ])('reads the range %j', async (range, expected) => {
      await write('digits', '0123456789')
      expect((await buffer(await driver.read(key('digits'), { range }))).toString()).toBe(expected)
    })

    test('refuses a range that starts behind the end', async () => {
      await write('digits', '0123456789')
      await expect(driver.read(key('digits'), { range: { start: 10 } })).rejects.toMatchObject({
        code: 'ERR_RANGE_NOT_SATISFIABLE',
      })
    })

    test('says of a missing object that it is missing', async () => {
      const missing = { code: 'ERR_OBJECT_NOT_FOUND' }
      await expect(driver.read(key('missing'))).rejects.toMatchObject(missing)
      await expect(driver.stat(key('missing'))).rejects.toMatchObject(missing)
      await expect(driver.copy(key('missing'), key('other'))).rejects.toMatchObject(missing)
      await expect(driver.move(key('missing'), key('other'))).rejects.toMatchObject(missing)
      expect(await driver.exists(key('missing'))).toBe(false)
      expect(await driver.exists(key('missing/deeper'))).toBe(false)
    })

    test('deletes what is not there without complaint', async () => {
      await expect(driver.delete(key('never-was'))).resolves.toBeUndefined()
    })

    test('copies an object, also to a key with spaces and umlauts', async () => {
      await write('copy source ä+é', 'content')
      await driver.copy(key('copy source ä+é'), key('target/with space ü'))
      expect((await read('copy source ä+é')).toString()).toBe('content')
      expect((await read('target/with space ü')).toString()).toBe('content')
    })

    test('moves an object, and an object onto itself keeps it', async () => {
      await write('move/from', 'content')
      await driver.move(key('move/from'), key('elsewhere/to'))
      expect(await driver.exists(key('move/from'))).toBe(false)
      await driver.move(key('elsewhere/to'), key('elsewhere/to'))
      expect((await read('elsewhere/to')).toString()).toBe('content')
    })

    test('lists objects by prefix, each once, with its size', async () => {
      for (const text of ['list/a', 'list/b/c', 'list/b/d', 'listed']) await write(text, text)
      expect(await keys('list/')).toEqual(['list/a', 'list/b/c', 'list/b/d'])
      expect(await keys('list/b')).toEqual(['list/b/c', 'list/b/d'])
      expect(await keys('nothing-here/')).toEqual([])
      for await (const entry of driver.list('list/a')) expect(entry.sizeBytes).toBe('list/a'.length)
    })

    test('can be pinged', async () => {
      await expect(driver.ping()).resolves.toBeUndefined()
    })

    test('stops reading when it is told to', async () => {
      await driver.write(key('large'), randomBytes(8 * MIB))
      const body = await driver.read(key('large'))
      body.destroy()
      expect((await read('large')).byteLength).toBe(8 * MIB)
    })
  })
}

function* pieces(content: Buffer): Iterable<Buffer> {
  for (let start = 0; start < content.byteLength; start += 100_000)
    yield content.subarray(start, start + 100_000)
}
