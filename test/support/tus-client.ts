import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const CLIENT = fileURLToPath(new URL('./tus-client-process.mjs', import.meta.url))

export interface ClientRun {
  readonly endpoint: string
  readonly file: string
  /** Where the client remembers the URLs of unfinished uploads, as a browser does. */
  readonly urlStore: string
  readonly protocol?: 'tus-v1' | 'ietf-draft-03' | 'ietf-draft-05'
  readonly chunkSize?: number
  readonly deferLength?: boolean
  /** The file goes in so many partial uploads at once, which a final one puts together. */
  readonly parallelUploads?: number
  readonly metadata?: Readonly<Record<string, string>>
  /** The process kills itself (-9) when it has sent so much of the file. */
  readonly dieAtByte?: number
  /** A file with the certificate of a server that signs its own. */
  readonly trustedCertificate?: string
}

export interface ClientEvent {
  readonly event: 'url' | 'progress' | 'accepted' | 'success' | 'error' | 'resumed'
  readonly url?: string
  readonly bytesSent?: number
  readonly message?: string
}

export interface ClientResult {
  readonly url: string | undefined
  readonly succeeded: boolean
  readonly resumed: boolean
  readonly events: readonly ClientEvent[]
}

/** Runs the client to its end, and tells what it says while it runs. */
export async function runClient(
  run: ClientRun,
  { onEvent }: { readonly onEvent?: (event: ClientEvent) => void } = {},
): Promise<ClientResult> {
  const child = spawn(process.execPath, [CLIENT, JSON.stringify(run)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: run.trustedCertificate },
  })
  const exited = once(child, 'exit')
  const events: ClientEvent[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as ClientEvent
    events.push(event)
    onEvent?.(event)
  }
  await exited
  return {
    url: events.findLast(({ url }) => url !== undefined)?.url,
    succeeded: events.some(({ event }) => event === 'success'),
    resumed: events.some(({ event }) => event === 'resumed'),
    events,
  }
}
