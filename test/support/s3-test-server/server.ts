import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Context, type S3Request, answer } from './exchange.ts'
import { type Executor, execute } from './execute.ts'
import { FaultPlan } from './faults.ts'
import type { Operation } from './operation.ts'
import type { Quirks } from './reply.ts'
import type { Credentials } from './signature.ts'
import { type Bucket, type MultipartUpload, type StoredObject, createBucket } from './state.ts'

export type { S3Request }

/**
 * An S3 server for tests, in memory, as strict as S3 itself: signatures, digests, part sizes and orders, conditions;
 * and as unreliable as a test wants it (faults.ts). The probe suite (test/contract/s3-probe.ts) holds it against a
 * real server.
 */
export interface S3ServerOptions {
  readonly port?: number
  readonly buckets?: readonly string[]
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly region?: string
  /** 5 MiB if left out, as S3 has it. */
  readonly minPartSizeBytes?: number
  readonly quirks?: Quirks
  /** Called for each request when it is answered. */
  readonly log?: (request: S3Request) => void
  /** Called for each request that makes sense as soon as its head is there, before anything is done. */
  readonly arrived?: (operation: Operation) => void
}

export interface S3TestServer extends Credentials {
  readonly endpoint: string
  /** Everything that was asked, in the order of the answers. */
  readonly requests: readonly S3Request[]
  clearRequests(): void
  objects(bucket: string): Map<string, StoredObject>
  /** Those that are open. */
  multipartUploads(bucket: string): MultipartUpload[]
  /** Aborts what is open for a key, as a lifecycle rule would. */
  abortMultipartUpload(bucket: string, key: string): void
  /** As it was when it was made: what was in it is forgotten, its past too. */
  emptyBucket(name: string): void
  readonly faults: FaultPlan
  close(): Promise<void>
}

const MIN_PART_BYTES = 5 * 1024 ** 2

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3TestServer> {
  const executor = createExecutor(options)
  const context = createContext(options, executor)
  const server = createServer((request, response) => void answer(context, request, response))
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...executor.credentials,
    ...inspection(context, executor),
    endpoint: `http://127.0.0.1:${port}`,
    faults: context.faults,
    close: async () => {
      context.faults.clear()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function createExecutor(options: S3ServerOptions): Executor {
  return {
    credentials: {
      accessKeyId: options.accessKeyId ?? 'test-key',
      secretAccessKey: options.secretAccessKey ?? 'test-secret',
      region: options.region ?? 'us-east-1',
    },
    buckets: new Map((options.buckets ?? []).map((name) => [name, createBucket(name)])),
    minPartSizeBytes: options.minPartSizeBytes ?? MIN_PART_BYTES,
    quirks: options.quirks ?? {},
  }
}

function createContext({ log, arrived }: S3ServerOptions, executor: Executor): Context {
  return {
    perform: ({ asked, raw, fault }) => execute(executor, asked, raw, fault),
    faults: new FaultPlan(),
    requests: [],
    log,
    arrived,
  }
}

type Inspection = Pick<
  S3TestServer,
  'requests' | 'clearRequests' | 'objects' | 'multipartUploads' | 'abortMultipartUpload' | 'emptyBucket'
>

function inspection({ requests }: Context, { buckets }: Executor): Inspection {
  return {
    requests,
    clearRequests: () => void (requests.length = 0),
    objects: (name) => known(buckets, name).objects,
    multipartUploads: (name) =>
      [...known(buckets, name).uploads.values()].filter((upload) => !upload.isCompleted),
    abortMultipartUpload: (name, key) => {
      const { uploads } = known(buckets, name)
      for (const upload of uploads.values()) if (upload.key === key) uploads.delete(upload.uploadId)
    },
    emptyBucket: (name) => void buckets.set(name, createBucket(name)),
  }
}

function known(buckets: ReadonlyMap<string, Bucket>, name: string): Bucket {
  const bucket = buckets.get(name)
  if (bucket === undefined) throw new Error(`There is no bucket ${name}`)
  return bucket
}
