import { setMaxListeners } from 'node:events'

/**
 * Runs `work` with a signal that is aborted by `signal` or after `deadlineMs`, whichever comes first. Unlike
 * AbortSignal.any it leaves nothing attached to a long-lived signal (in Node 20 that leaks).
 */
export async function withDeadline<Result>(
  work: (signal: AbortSignal) => Promise<Result>,
  { signal, deadlineMs }: { readonly signal: AbortSignal | undefined; readonly deadlineMs: number },
): Promise<Result> {
  signal?.throwIfAborted()
  // All parts of a write listen to one signal: many listeners are no leak here.
  if (signal) setMaxListeners(0, signal)
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(signal?.reason)
  const timer = setTimeout(() => controller.abort(deadlineError(deadlineMs)), deadlineMs)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function deadlineError(deadlineMs: number): Error {
  return new DOMException(`No answer within ${deadlineMs} ms`, 'TimeoutError')
}
