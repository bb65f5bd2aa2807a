import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './faults.ts'

const TICKS_PER_SECOND = 20

/** Sends an answer's body and ends it: at once, or as a fault wants it. */
export async function sendBody(
  response: ServerResponse,
  body: Buffer,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === 'slow') await sendSlowly(response, body, fault.bytesPerSecond)
  else if (fault?.kind === 'truncated-answer') await sendBeginning(response, body, fault.afterBytes)
  else response.end(body)
}

async function sendSlowly(response: ServerResponse, body: Buffer, bytesPerSecond: number): Promise<void> {
  const pieceBytes = Math.max(1, Math.floor(bytesPerSecond / TICKS_PER_SECOND))
  for (let start = 0; start < body.byteLength && !response.destroyed; start += pieceBytes) {
    await sleep(1000 / TICKS_PER_SECOND)
    response.write(body.subarray(start, start + pieceBytes))
  }
  response.end()
}

async function sendBeginning(response: ServerResponse, body: Buffer, bytes: number): Promise<void> {
  response.flushHeaders()
  if (!response.write(body.subarray(0, bytes)) && !response.destroyed)
    await once(response, 'drain').catch(() => {})
  // A reset would throw away what is still on its way; an end that comes too early is as broken.
  response.socket?.end()
}
