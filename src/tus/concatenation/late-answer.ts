import type { ServerResponse } from 'node:http'

export interface LateAnswerOptions {
  /** How long the client may wait for the head of its answer, and from then on for one more byte. */
  readonly keepAliveMs: number
}

/**
 * Answers 201 when `work` is done. If that takes long, the head goes out before, and then a space from time to time, so
 * that no proxy takes the connection for dead (they wait 60 s for the next byte): the answer is whole only once `work`
 * is done.
 * @throws what `work` failed with. If the head was out by then, the connection is broken off: the client must not take
 * half an answer for a whole one.
 */
export async function answerWhenDone(
  response: ServerResponse,
  work: Promise<unknown>,
  { keepAliveMs }: LateAnswerOptions,
): Promise<void> {
  const timer = setInterval(() => {
    if (response.destroyed) return
    if (!response.headersSent) response.writeHead(201, { 'Content-Type': 'text/plain' })
    response.write(' ')
  }, keepAliveMs)
  try {
    await work
  } catch (error) {
    if (response.headersSent) breakOff(response)
    throw error
  } finally {
    clearInterval(timer)
  }
  if (!response.headersSent) response.writeHead(201, { 'Content-Length': 0 })
  response.end()
}

/** By a reset: to a proxy that speaks HTTP/1.0, a connection that ends is an answer that ends. */
function breakOff(response: ServerResponse): void {
  response.socket?.resetAndDestroy()
  response.destroy()
}
