import { describe, expect, test } from 'vitest'
import { GrowthPermits } from '../../../../src/storage/buffers/growth-permits.ts'

describe('the permit to gather a whole part', () => {
  const [a, b, c, d] = [{}, {}, {}, {}]

  test('is given to as many as fit, and then in turn', async () => {
    const permits = new GrowthPermits(10)
    expect(await permits.get(a, 6)).toBe(true)
    expect(await permits.get(b, 4)).toBe(true)
    const order: string[] = []
    const waiting = [
      permits.get(c, 6).then((isPermitted) => order.push(`c ${isPermitted}`)),
      // It would fit as soon as b goes, but it came later.
      permits.get(d, 4).then((isPermitted) => order.push(`d ${isPermitted}`)),
    ]
    permits.end(b)
    await Promise.resolve()
    expect(order).toEqual([])
    permits.end(a)
    await Promise.all(waiting)
    expect(order).toEqual(['c true', 'd true'])
  })

  test('is kept until it is given back, and asked for again at no cost', async () => {
    const permits = new GrowthPermits(1)
    expect(await permits.get(a, 1)).toBe(true)
    expect(await permits.get(a, 1)).toBe(true)
    permits.end(a)
    permits.end(a)
    expect(await permits.get(b, 1)).toBe(true)
  })

  test('is given to a part that is larger than all of them, alone', async () => {
    const permits = new GrowthPermits(4)
    expect(await permits.get(a, 100)).toBe(true)
    const other = permits.get(b, 1)
    permits.end(a)
    expect(await other).toBe(true)
  })

  test('is waited for as long as others come back, and no longer', async () => {
    const permits = new GrowthPermits(1)
    await permits.get(a, 1)
    const startedAt = performance.now()
    const first = permits.get(b, 1)
    const second = permits.get(c, 1)
    setTimeout(() => permits.end(a), 700)
    expect(await first).toBe(true)
    // Nothing comes back from now on: it gives up, but not before it has waited for a second since the last one.
    expect(await second).toBe(false)
    expect(performance.now() - startedAt).toBeGreaterThan(1_600)
    // Whoever comes then does not wait, until something moves again.
    const immediately = await Promise.race([permits.get(d, 1), Promise.resolve('later')])
    expect(immediately).toBe(false)
    permits.end(b)
    expect(await permits.get(d, 1)).toBe(true)
  })
})
