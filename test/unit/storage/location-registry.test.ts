import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Driver } from '../../../src/core/driver.ts'
import { openDriver } from '../../../src/storage/drivers/local/driver.ts'
import { LocationRegistry } from '../../../src/storage/location-registry.ts'

describe('the registry of locations', () => {
  let root: string
  let registry: LocationRegistry
  let opened: string[]
  let closed: string[]

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tusker-registry-'))
    opened = []
    closed = []
    registry = new LocationRegistry()
    registry.registerDriver('disk', open)
  })

  afterEach(async () => await rm(root, { recursive: true }))

  /** The real local driver, with a note of when it is opened and closed. */
  async function open({ folder }: { folder: string }): Promise<Driver> {
    opened.push(folder)
    const driver = await openDriver({ root: join(root, folder) })
    driver.close = () => {
      closed.push(folder)
      return folder === 'stuck' ? Promise.reject(new Error('it is stuck')) : Promise.resolve()
    }
    return driver
  }

  function register(...folders: string[]): void {
    for (const folder of folders)
      registry.registerLocation(folder, { driver: 'disk', mode: 'rw', options: { folder } })
  }

  test('opens a location when it is first asked for, once, for everybody', async () => {
    register('a', 'b')
    expect(opened).toEqual([])
    const [first, second] = await Promise.all([registry.location('a'), registry.location('a')])
    expect(first).toBe(second)
    expect(first).toMatchObject({ name: 'a', mode: 'rw' })
    expect(opened).toEqual(['a'])
    expect(registry.names()).toEqual(['a', 'b'])
  })

  test.each([
    ['rejects', () => Promise.reject(new Error('not yet'))],
    ['throws', () => raise('not yet')],
  ])('tries again to open what could not be opened: a driver that %s', async (_how, fail) => {
    let fails = true
    registry.registerDriver('flaky', () => (fails ? fail() : open({ folder: 'late' })))
    registry.registerLocation('late', { driver: 'flaky', mode: 'ro', options: {} })
    await expect(registry.location('late')).rejects.toThrow('not yet')
    fails = false
    expect((await registry.location('late')).mode).toBe('ro')
  })

  test('says what it does not know', async () => {
    register('a')
    await expect(registry.location('b')).rejects.toMatchObject({
      code: 'ERR_LOCATION_NOT_FOUND',
      status: 404,
    })
    expect(() => registry.registerLocation('c', { driver: 'tape', mode: 'rw', options: {} })).toThrow(
      'There is no driver "tape"; there are disk',
    )
    expect(() => register('a')).toThrow('The location "a" is registered already')
    expect(() => registry.registerDriver('disk', open)).toThrow('The driver "disk" is registered already')
  })

  test('closes what was opened, all of it, even if one fails, and opens nothing afterwards', async () => {
    register('a', 'stuck', 'b', 'never-opened')
    for (const name of ['a', 'stuck', 'b']) await registry.location(name)
    await expect(registry.close()).rejects.toThrow('Not every storage location could be closed')
    expect(closed.toSorted()).toEqual(['a', 'b', 'stuck'])
    await expect(registry.location('never-opened')).rejects.toMatchObject({ code: 'ERR_SERVER_SHUTDOWN' })
  })
})

function raise(message: string): never {
  throw new Error(message)
}
