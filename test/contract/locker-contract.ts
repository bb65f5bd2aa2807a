import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import type { Lock, Locker } from '../../src/core/ports.ts'

const NEVER = new AbortController().signal
const LOCKED = { code: 'ERR_UPLOAD_LOCKED', status: 423 }

function ignore(): void {}

/** What every Locker must do. `createLocker` makes one of its own for each test. */
export function lockerContract(name: string, createLocker: (timeoutMs: number) => Locker): void {
  describe(`the ${name} locker`, () => {
    test('gives a free lock at once', async () => {
      const lock = createLocker(1000).newLock('a')
      await expect(lock.lock(NEVER, ignore)).resolves.toBeUndefined()
      await lock.unlock()
    })

    test('keeps locks of different ids apart', async () => {
      const locker = createLocker(1000)
      await locker.newLock('a').lock(NEVER, ignore)
      await expect(locker.newLock('b').lock(NEVER, ignore)).resolves.toBeUndefined()
    })

    test('lets one holder in at a time, first come, first served', async () => {
      const locker = createLocker(2000)
      const order: number[] = []
      let holders = 0
      await Promise.all(
        [1, 2, 3, 4, 5].map(async (number) => {
          const lock = locker.newLock('a')
          await lock.lock(NEVER, ignore)
          holders += 1
          expect(holders).toBe(1)
          order.push(number)
          await delay(5)
          holders -= 1
          await lock.unlock()
        }),
      )
      expect(order).toEqual([1, 2, 3, 4, 5])
    })

    test('asks the holder to let go, and gives the lock to whoever waited', async () => {
      const locker = createLocker(2000)
      const holder = locker.newLock('a')
      await holder.lock(NEVER, () => holder.unlock())
      await expect(locker.newLock('a').lock(NEVER, ignore)).resolves.toBeUndefined()
    })

    test('asks a holder once, however many wait and however long', async () => {
      const locker = createLocker(100)
      const requestRelease = vi.fn<() => void>()
      await locker.newLock('a').lock(NEVER, requestRelease)
      await Promise.allSettled([1, 2, 3].map(() => locker.newLock('a').lock(NEVER, ignore)))
      expect(requestRelease).toHaveBeenCalledTimes(1)
    })

    test('does not ask a holder for whom nobody waits', async () => {
      const locker = createLocker(1000)
      const requestRelease = vi.fn<() => void>()
      await locker.newLock('a').lock(NEVER, requestRelease)
      await locker.newLock('b').lock(NEVER, ignore)
      expect(requestRelease).not.toHaveBeenCalled()
    })

    test('asks the next holder for those behind it', async () => {
      const locker = createLocker(1000)
      const first = locker.newLock('a')
      await first.lock(NEVER, ignore)
      const second = locker.newLock('a')
      const secondHas = second.lock(NEVER, () => second.unlock())
      const thirdHas = locker.newLock('a').lock(NEVER, ignore)
      await first.unlock()
      await secondHas
      await expect(thirdHas).resolves.toBeUndefined()
    })

    test.each([
      [
        'throws',
        () => {
          throw new Error('no')
        },
      ],
      ['rejects', () => Promise.reject(new Error('no'))],
    ])(
      'a holder that %s when it is asked does no harm to the one that waits',
      async (_how, requestRelease) => {
        const locker = createLocker(1000)
        const holder = locker.newLock('a')
        await holder.lock(NEVER, requestRelease)
        const waiting = locker.newLock('a').lock(NEVER, ignore)
        await delay(20)
        await holder.unlock()
        await expect(waiting).resolves.toBeUndefined()
      },
    )

    test('gives up with ERR_UPLOAD_LOCKED after the timeout, and does not get the lock later', async () => {
      const locker = createLocker(30)
      const holder = locker.newLock('a')
      await holder.lock(NEVER, ignore)
      await expect(locker.newLock('a').lock(NEVER, ignore)).rejects.toMatchObject(LOCKED)
      await holder.unlock()
      expect(await locker.newLock('a').tryLock(ignore)).toBe(true)
    })

    test('L2: does not take a lock for a request that is gone already, even a free one', async () => {
      const locker = createLocker(1000)
      await expect(locker.newLock('a').lock(AbortSignal.abort(), ignore)).rejects.toMatchObject(LOCKED)
      expect(await locker.newLock('a').tryLock(ignore)).toBe(true)
    })

    test('stops waiting when the request ends', async () => {
      const locker = createLocker(5000)
      const holder = locker.newLock('a')
      await holder.lock(NEVER, ignore)
      const request = new AbortController()
      const waiting = locker.newLock('a').lock(request.signal, ignore)
      request.abort()
      await expect(waiting).rejects.toMatchObject(LOCKED)
      await holder.unlock()
      expect(await locker.newLock('a').tryLock(ignore)).toBe(true)
    })

    test('a request that ends once it has the lock keeps it until it unlocks', async () => {
      const locker = createLocker(30)
      const request = new AbortController()
      await locker.newLock('a').lock(request.signal, ignore)
      request.abort()
      expect(await locker.newLock('a').tryLock(ignore)).toBe(false)
    })

    test('L3: only the owner unlocks, and twice is as good as once', async () => {
      const locker = createLocker(1000)
      const [first, second, stranger] = [locker.newLock('a'), locker.newLock('a'), locker.newLock('a')]
      await first.lock(NEVER, ignore)
      await stranger.unlock()
      expect(await isFree(locker)).toBe(false)
      await first.unlock()
      await second.lock(NEVER, ignore)
      await first.unlock()
      expect(await isFree(locker)).toBe(false)
      await second.unlock()
      await second.unlock()
      expect(await isFree(locker)).toBe(true)
    })

    test('tryLock takes a free lock, and neither waits for nor disturbs the holder of another', async () => {
      const locker = createLocker(1000)
      const requestRelease = vi.fn<() => void>()
      const lock: Lock = locker.newLock('a')
      expect(await lock.tryLock(requestRelease)).toBe(true)
      expect(await locker.newLock('a').tryLock(ignore)).toBe(false)
      await delay(10)
      expect(requestRelease).not.toHaveBeenCalled()
      await lock.unlock()
      expect(await isFree(locker)).toBe(true)
    })

    test('who has it by tryLock is asked to let go like any holder', async () => {
      const locker = createLocker(1000)
      const lock = locker.newLock('a')
      await lock.tryLock(() => lock.unlock())
      await expect(locker.newLock('a').lock(NEVER, ignore)).resolves.toBeUndefined()
    })

    test('L1: waiting costs no CPU', async () => {
      const locker = createLocker(300)
      await locker.newLock('a').lock(NEVER, ignore)
      const before = process.cpuUsage()
      await Promise.allSettled(Array.from({ length: 50 }, () => locker.newLock('a').lock(NEVER, ignore)))
      const { user, system } = process.cpuUsage(before)
      expect((user + system) / 1000).toBeLessThan(150)
    })
  })
}

async function isFree(locker: Locker): Promise<boolean> {
  const lock = locker.newLock('a')
  const isMine = await lock.tryLock(ignore)
  if (isMine) await lock.unlock()
  return isMine
}
