import { setTimeout as delay } from 'node:timers/promises'
import { test, vi } from 'vitest'
import { startSchedule } from '../../../src/lifecycle/scheduler.ts'
import { eventually, silentLogger } from '../../support/tus-test-server.ts'

const EVERY_SECOND = '* * * * * *'

// Each waits for whole seconds: they do it together.
test.concurrent('runs at the times of the expression, and not twice at once', async ({ expect }) => {
  let running = 0
  let most = 0
  let runs = 0
  const task = async (): Promise<void> => {
    runs += 1
    running += 1
    most = Math.max(most, running)
    await delay(1500)
    running -= 1
  }
  const schedule = startSchedule(EVERY_SECOND, task, silentLogger)
  await eventually(() => runs === 2)
  await schedule.stop()
  expect(most).toBe(1)
})

test.concurrent('stop() waits for the task that is running, and none starts after it', async ({ expect }) => {
  let started = 0
  let ended = 0
  const task = async (): Promise<void> => {
    started += 1
    await delay(200)
    ended += 1
  }
  const schedule = startSchedule(EVERY_SECOND, task, silentLogger)
  await eventually(() => started === 1)
  await schedule.stop()
  expect(ended).toBe(1)
  await delay(1100)
  expect(started).toBe(1)
})

test.concurrent('stop() before the first run returns at once', async ({ expect }) => {
  const schedule = startSchedule('0 0 1 1 *', () => Promise.resolve(), silentLogger)
  await expect(schedule.stop()).resolves.toBeUndefined()
})

test.concurrent('a task that fails is logged, and runs again', async ({ expect }) => {
  let runs = 0
  const error = vi.fn<(facts: object, message: string) => void>()
  const task = (): Promise<void> => {
    runs += 1
    throw new Error('boom')
  }
  const schedule = startSchedule(EVERY_SECOND, task, { ...silentLogger, error })
  await eventually(() => runs === 2)
  await schedule.stop()
  expect(error).toHaveBeenCalledTimes(2)
})

test.concurrent('an expression that is not valid is refused', ({ expect }) => {
  expect(() => startSchedule('every day', () => Promise.resolve(), silentLogger)).toThrow(/pattern/i)
})
