import { once } from 'node:events'
import { createServer, type IncomingMessage, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setImmediate as nextTick } from 'node:timers/promises'
import { errorReply } from './s3-test-server/error-reply.ts'
import { type Context, type Received, type S3Request, answer } from './s3-test-server/exchange.ts'
import { type FaultRule, FaultPlan, type InjectedFault } from './s3-test-server/faults.ts'
import type { Reply } from './s3-test-server/reply.ts'

/**
 * Puts the faults of the S3 test server in front of another one, over HTTP on this machine. The Host header goes on as
 * it came: path-style servers take any, and the signature is over the one that the client was given.
 */
export interface S3FaultProxy {
  /** For clients, in place of the server's own. */
  readonly endpoint: string
  /** Everything that was asked, in the order of the answers. */
  readonly requests: readonly S3Request[]
  /**
   * What is put off has to be passed on within the 15 minutes for which its signature holds.
   * @throws Error for what nobody but the server itself could do wrong
   */
  inject(rule: FaultRule): InjectedFault
  /** Nothing fails any more, and whatever was on its way to the server has been answered. */
  calm(): Promise<void>
  close(): Promise<void>
}

export async function startS3FaultProxy(serverEndpoint: string): Promise<S3FaultProxy> {
  const faults = new FaultPlan()
  const onTheirWay = new Set<Promise<Reply>>()
  const perform = async (received: Received): Promise<Reply> => {
    const passing = passOn(serverEndpoint, received)
    onTheirWay.add(passing)
    return await passing.finally(() => onTheirWay.delete(passing))
  }
  const context: Context = { perform, faults, requests: [], log: undefined, arrived: undefined }
  const proxy = createServer((request, response) => void answer(context, request, response))
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')

  const calm = async (): Promise<void> => {
    faults.clear()
    // What was held back starts only now.
    do {
      await nextTick()
      await Promise.all(onTheirWay)
    } while (onTheirWay.size > 0)
  }
  return {
    endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    requests: context.requests,
    inject: (rule) => {
      refuseInnerFaults(rule)
      return faults.inject(rule)
    },
    calm,
    close: async () => {
      await calm()
      proxy.closeAllConnections()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}

const INNER_FAULTS: ReadonlySet<string> = new Set(['short-listing', 'stale-listing', 'clock-skew'])

function refuseInnerFaults({ fault: { kind } }: FaultRule): void {
  if (INNER_FAULTS.has(kind)) throw new Error(`No proxy can inject ${kind}: the request is signed`)
}

async function passOn(serverEndpoint: string, { request, raw }: Received): Promise<Reply> {
  try {
    const { method, url: path } = request
    const headers = endToEnd(request.rawHeaders)
    // A connection of its own: one that the server has closed meanwhile would be a fault that nobody asked for.
    const sent = sendRequest(serverEndpoint, { method, path, headers, agent: false })
    // A server that refuses early closes while the body is still on its way: its answer counts, not the broken pipe.
    sent.on('error', () => undefined)
    sent.end(raw)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return await replyOf(response)
  } catch (error) {
    return errorReply(502, 'BadGateway', `The proxy got no answer: ${String(error)}`)
  }
}

/** What is between the two ends of one connection only, and the expectation that this end has met already. */
const HOP_HEADERS: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'expect'])

/** Of names and values in turn, as they came. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)] ?? ''
    return !HOP_HEADERS.has(name.toLowerCase())
  })
}

async function replyOf(response: IncomingMessage): Promise<Reply> {
  const body = await buffer(response)
  // The body is here as a whole, and goes on with its length.
  const { 'transfer-encoding': _, ...headers } = response.headers
  const kept = Object.entries(headers).filter(([name]) => !HOP_HEADERS.has(name))
  return {
    status: response.statusCode ?? 502,
    headers: Object.fromEntries(kept.map(([name, value]) => [name, [value ?? ''].flat().join(', ')])),
    body,
  }
}
