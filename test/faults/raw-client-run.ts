import { setTimeout as sleep } from 'node:timers/promises'
import { requireSoundAnswer } from './answer-headers.ts'
import { type ClientResult, type ClientRun, encodeMetadata } from './client-run.ts'
import { Random } from './random.ts'
import { type RawAnswer, type RawBody, type RawRequest, sendRequest } from './raw-request.ts'

/** So many requests in a row may fail before the client gives up. */
const MAX_FAILURES = 12
const MAX_REQUESTS = 120

/** A client that does all that the protocol allows and the network does: cuts, pauses, odd pieces, HEADs in between. */
export async function runRawClient(run: ClientRun): Promise<ClientResult> {
  return await new RawClient(run).run()
}

class RawClient {
  readonly #run: ClientRun
  readonly #random: Random
  readonly #heads: Promise<unknown>[] = []
  #url: string | undefined
  #isLengthKnown: boolean
  #failures = 0

  constructor(run: ClientRun) {
    this.#run = run
    this.#random = new Random(run.plan.seed + 1_000_003)
    this.#isLengthKnown = !run.plan.deferLength
  }

  async run(): Promise<ClientResult> {
    let outcome: ClientResult['outcome'] | undefined
    for (let count = 0; outcome === undefined; count += 1) {
      if (this.#run.signal.aborted) outcome = 'stopped'
      else if (count >= MAX_REQUESTS || this.#failures >= MAX_FAILURES) outcome = 'error'
      else outcome = this.#url === undefined ? await this.#create() : await this.#advance(this.#url)
    }
    await Promise.all(this.#heads)
    return { outcome, url: this.#url }
  }

  async #create(): Promise<ClientResult['outcome'] | undefined> {
    const { plan, content, uploadsUrl } = this.#run
    const size = Math.min(content.bytes.byteLength, plan.chunkSizeBytes)
    const body = plan.uploadDuringCreation ? this.#body(content.bytes.subarray(0, size)) : undefined
    const answer = await this.#send({
      method: 'POST',
      url: uploadsUrl,
      headers: {
        ...(plan.deferLength
          ? { 'Upload-Defer-Length': '1' }
          : { 'Upload-Length': String(content.bytes.byteLength) }),
        'Upload-Metadata': encodeMetadata(),
        ...(body && this.#bodyHeaders(body)),
      },
      ...(body && { body }),
    })
    this.#url = answer?.header('location')
    await this.#rest(answer)
    const isComplete = this.#isLengthKnown && answer?.status === 201 && content.bytes.byteLength === 0
    return isComplete ? 'success' : undefined
  }

  /** HEAD, then a PATCH from where that says. */
  async #advance(url: string): Promise<ClientResult['outcome'] | undefined> {
    const head = await this.#send({ method: 'HEAD', url, headers: {} })
    await this.#rest(head)
    if (head?.status === 404 || head?.status === 410) return 'error'
    if (head?.status !== 200) return undefined
    const offset = Number(head.header('upload-offset'))
    this.#isLengthKnown = head.header('upload-length') !== undefined
    if (offset === this.#run.content.bytes.byteLength && this.#isLengthKnown) return 'success'
    await this.#rest(await this.#patch(url, offset))
    return undefined
  }

  async #patch(url: string, offset: number): Promise<RawAnswer | undefined> {
    const { content, plan } = this.#run
    const size = this.#random.chance(0.8)
      ? plan.chunkSizeBytes
      : this.#random.integer(0, Math.min(plan.chunkSizeBytes, content.bytes.byteLength))
    const bytes = content.bytes.subarray(offset, offset + size)
    const reachesEnd = offset + bytes.byteLength === content.bytes.byteLength
    const declares = !this.#isLengthKnown && (reachesEnd || this.#random.chance(0.2))
    const isWrong = this.#random.chance(0.04)
    const body = this.#body(bytes, url)
    const answer = await this.#send({
      method: 'PATCH',
      url,
      headers: {
        ...this.#bodyHeaders(body),
        'Upload-Offset': String(isWrong ? offset + 1 : offset),
        ...(declares && { 'Upload-Length': String(content.bytes.byteLength) }),
      },
      body,
    })
    const after = Number(answer?.header('upload-offset'))
    if (answer?.status === 204 && (isWrong || after !== offset + bytes.byteLength))
      this.#run.watch.violated(
        `PATCH of ${bytes.byteLength} bytes at ${offset}${isWrong ? ' + 1' : ''} was answered with ${after}`,
      )
    return answer
  }

  #body(bytes: Buffer, url?: string): RawBody {
    const random = this.#random
    const pieceSize = (): number => random.pick([65_536, 65_537, 1_000_003, 5 * 1024 ** 2, 300_007])
    const asksMeanwhile = url !== undefined && random.chance(0.12)
    const isSilent = random.chance(0.02)
    return {
      bytes,
      pieceSizes: [random.integer(1, 4096), pieceSize(), pieceSize(), pieceSize()],
      ...(random.chance(0.2) && { cutAfterBytes: random.integer(0, bytes.byteLength) }),
      // Longer than the idle timeout of a lane, or just a moment.
      pauseMs: isSilent ? 1_500 : random.pick([0, 0, 0, 20]),
      ...(asksMeanwhile && {
        onHalf: () => void this.#heads.push(this.#send({ method: 'HEAD', url, headers: {} })),
      }),
    }
  }

  /** Without a Content-Length, Node sends the body in chunks. */
  #bodyHeaders({ bytes }: RawBody): Record<string, string> {
    return {
      'Content-Type': 'application/offset+octet-stream',
      ...(this.#random.chance(0.6)
        ? { 'Content-Length': String(bytes.byteLength) }
        : { 'Transfer-Encoding': 'chunked' }),
    }
  }

  async #send(request: RawRequest): Promise<RawAnswer | undefined> {
    const answer = await sendRequest(this.#run.watch, request)
    if (answer) requireSoundAnswer(this.#run, request.method, answer)
    return answer
  }

  /** Waits a little after a failure, longer after more of them. */
  async #rest(answer: RawAnswer | undefined): Promise<void> {
    const isFine = answer !== undefined && answer.status < 300
    this.#failures = isFine ? 0 : this.#failures + 1
    if (!isFine) await sleep(Math.min(20 * 2 ** this.#failures, 600))
  }
}
