import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type ProxiedUploads, expectRefusal } from './proxied-uploads.ts'

/** BODY_IDLE_TIMEOUT of the Tusker in these suites. */
export const BODY_IDLE_MS = 2_000

/** Of a proxy that passes on what comes as it comes. */
export function seenStalls(uploads: () => ProxiedUploads): void {
  test('a HEAD ends a PATCH that stalls, and its client gets a whole 423', async () => {
    const path = await uploads().create(100)
    const request = await uploads().openPatch(path, 0, 100)
    await request.write(Buffer.alloc(40))
    await delay(300)
    const startedAt = Date.now()
    expect(await uploads().offsetOf(path)).toBe(40)
    expect(Date.now() - startedAt).toBeLessThan(BODY_IDLE_MS / 2)
    expectRefusal(await request.answer, 423, 'ERR_UPLOAD_INTERRUPTED')
    request.cut()
    expect((await uploads().patch(path, 40, Buffer.alloc(60))).status).toBe(204)
  })

  test('a client that stalls is told so with a whole 503, and its bytes are kept', async () => {
    const path = await uploads().create(100)
    const request = await uploads().openPatch(path, 0, 100)
    await request.write(Buffer.alloc(40))
    expectRefusal(await request.answer, 503, 'ERR_BODY_IDLE')
    request.cut()
    expect(await uploads().offsetOf(path)).toBe(40)
  })
}

/** Of a proxy that passes on whole requests. */
export function hiddenStalls(uploads: () => ProxiedUploads): void {
  test('a PATCH that stalls in the proxy hides from Tusker: HEAD is at what was there', async () => {
    const path = await uploads().create(100)
    const request = await uploads().openPatch(path, 0, 100)
    await request.write(Buffer.alloc(40))
    await delay(300)
    expect(await uploads().offsetOf(path)).toBe(0)
    await request.write(Buffer.alloc(60))
    request.end()
    expect((await request.answer).status).toBe(204)
  })
}
