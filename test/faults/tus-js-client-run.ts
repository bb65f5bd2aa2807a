import { Agent } from 'node:http'
import { DefaultHttpStack, Upload } from 'tus-js-client'
import { type ClientResult, type ClientRun, METADATA } from './client-run.ts'
import type { Expectation } from './upload-watch.ts'

/** Enough for a restart of the server between two tries. */
const RETRY_DELAYS_MS = [0, 20, 50, 100, 200, 400, 400, 800, 800, 800]

/** Lets the real client upload the file. Resolves when it is done or has given up. */
export async function runTusJsClient(run: ClientRun): Promise<ClientResult> {
  const agent = new Agent({ keepAlive: true })
  const expectations = new WeakMap<object, Expectation>()
  try {
    return await new Promise<ClientResult>((resolve) => {
      const end = (outcome: ClientResult['outcome']): void =>
        resolve({ outcome, url: upload.url ?? undefined })
      const upload = new Upload(run.content.bytes, {
        ...optionsOf(run, expectations),
        httpStack: new DefaultHttpStack({ agent }),
        onSuccess: () => end('success'),
        onError: () => end('error'),
      })
      run.signal.addEventListener('abort', () => {
        void upload.abort().catch(() => undefined)
        end('stopped')
      })
      upload.start()
    })
  } finally {
    agent.destroy()
  }
}

type Options = NonNullable<ConstructorParameters<typeof Upload>[1]>

function optionsOf(
  { plan, uploadsUrl, watch }: ClientRun,
  expectations: WeakMap<object, Expectation>,
): Options {
  return {
    endpoint: uploadsUrl,
    chunkSize: plan.chunkSizeBytes,
    uploadLengthDeferred: plan.deferLength,
    uploadDataDuringCreation: plan.uploadDuringCreation,
    retryDelays: RETRY_DELAYS_MS,
    storeFingerprintForResuming: false,
    metadata: METADATA,
    onBeforeRequest: (request) => {
      const asked = {
        method: request.getMethod(),
        url: request.getURL(),
        declaresLength: request.getHeader('Upload-Length') !== undefined,
      }
      expectations.set(request, watch.sending(asked))
    },
    onAfterResponse: (request, response) => {
      const expectation = expectations.get(request)
      if (expectation === undefined) return
      watch.answered(expectation, {
        status: response.getStatus(),
        header: (name) => response.getHeader(name),
      })
    },
  }
}
