import type {
  CreateMultipartUploadCommandInput,
  ObjectCannedACL,
  S3Client,
  ServerSideEncryption,
} from '@aws-sdk/client-s3'
import type { CallOptions } from '../../../core/upload-store.ts'
import type { BufferSpace } from '../../buffers/part-buffer.ts'
import { type Checksum, checksumHeaders, headerName } from './checksum.ts'
import { ChecksumPolicy } from './checksum-policy.ts'
import type { S3Agents } from './client.ts'
import { withDeadline } from './deadline.ts'
import { toStorageError } from './errors.ts'
import type { S3Options } from './options.ts'
import type { Query } from './request-signer.ts'
import { RequestSender, type S3Answer, type S3Request } from './request-sender.ts'

/** Without an answer each attempt ends after the socket timeout; the deadline bounds all of them and a trickling answer. */
const DEADLINE_SOCKET_TIMEOUTS = 5

type CreationHeaders = Pick<CreateMultipartUploadCommandInput, 'ACL' | 'ServerSideEncryption' | 'SSEKMSKeyId'>

export interface S3BucketParts {
  readonly client: S3Client
  readonly agents: S3Agents
  readonly space: BufferSpace
}

/** One bucket below one root: where keys go, what every new object carries, and how long a call may take. */
export class S3Bucket {
  readonly name: string
  /** ACL and encryption: on every call that creates an object, the sidecars of an upload included. */
  readonly creationHeaders: CreationHeaders
  readonly checksums: ChecksumPolicy
  /** For bytes on their way into it. */
  readonly space: BufferSpace
  readonly #client: S3Client
  readonly #sender: RequestSender
  readonly #rootPrefix: string
  readonly #deadlineMs: number

  constructor({ client, agents, space }: S3BucketParts, options: S3Options) {
    this.name = options.bucket
    this.creationHeaders = creationHeaders(options)
    this.checksums = new ChecksumPolicy(options.checksum)
    this.space = space
    this.#client = client
    this.#sender = new RequestSender(client, agents, options)
    this.#rootPrefix = options.root === '' ? '' : `${options.root}/`
    this.#deadlineMs = DEADLINE_SOCKET_TIMEOUTS * options.socketTimeoutMs
  }

  /** The key in the bucket of a key in the location. */
  fullKey(key: string): string {
    return this.#rootPrefix + key
  }

  /** The key in the location of a key in the bucket. */
  relativeKey(fullKey: string): string {
    return fullKey.slice(this.#rootPrefix.length)
  }

  /**
   * Makes one call of the SDK, with a deadline, and translates its failure.
   * @throws TuskerError (errors.ts)
   */
  async call<Output>(
    operation: string,
    key: string,
    send: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<Output>,
    options: CallOptions = {},
  ): Promise<Output> {
    return await this.#withDeadline(operation, key, options, (abortSignal) =>
      send(this.#client, { abortSignal }),
    )
  }

  /**
   * Sends bytes, with their checksum if there is one: the same deadline and translation.
   * @throws TuskerError (errors.ts)
   */
  async put(
    operation: string,
    request: Omit<S3Request, 'method'> & { readonly checksum: Checksum | undefined },
    options: CallOptions = {},
  ): Promise<S3Answer> {
    return await this.#withDeadline(operation, request.key, options, async (signal) => {
      const { checksum, key, headers, ...others } = request
      const own = checksum && checksumHeaders(checksum)
      const full = {
        ...others,
        method: 'PUT' as const,
        key: this.fullKey(key),
        headers: { ...headers, ...own },
      }
      const answer = await this.#sender.send(full, signal)
      if (checksum) {
        this.checksums.learn({ isGivenBack: answer.headers[headerName(checksum.algorithm)] !== undefined })
      }
      return answer
    })
  }

  /** The XML that a GET is answered with: the same deadline and translation. @throws TuskerError (errors.ts) */
  async getXml(operation: string, key: string, query: Query, options: CallOptions = {}): Promise<string> {
    return await this.#withDeadline(operation, key, options, async (signal) => {
      const request = { method: 'GET' as const, key: this.fullKey(key), query }
      return (await this.#sender.send(request, signal)).body
    })
  }

  async #withDeadline<Output>(
    operation: string,
    key: string,
    { signal }: CallOptions,
    work: (signal: AbortSignal) => Promise<Output>,
  ): Promise<Output> {
    try {
      return await withDeadline(work, { signal, deadlineMs: this.#deadlineMs })
    } catch (error) {
      throw toStorageError(error, operation, key)
    }
  }

  close(): void {
    this.#client.destroy()
  }
}

function creationHeaders(options: S3Options): CreationHeaders {
  return {
    ...(options.acl !== undefined && { ACL: options.acl satisfies ObjectCannedACL }),
    ...(options.serverSideEncryption !== undefined && {
      ServerSideEncryption: options.serverSideEncryption satisfies ServerSideEncryption,
    }),
    ...(options.serverSideEncryptionKmsKeyId !== undefined && {
      SSEKMSKeyId: options.serverSideEncryptionKmsKeyId,
    }),
  }
}
