import type {
  CreateMultipartUploadCommandInput,
  ObjectCannedACL,
  S3Client,
  ServerSideEncryption,
} from '@aws-sdk/client-s3'
import type { CallOptions } from '../../../core/upload-store.ts'
import { withDeadline } from './deadline.ts'
import { toStorageError } from './errors.ts'
import type { S3Options } from './options.ts'

/** Without an answer each attempt ends after the socket timeout; the deadline bounds all of them and a trickling answer. */
const DEADLINE_SOCKET_TIMEOUTS = 5

type CreationHeaders = Pick<CreateMultipartUploadCommandInput, 'ACL' | 'ServerSideEncryption' | 'SSEKMSKeyId'>

/** One bucket below one root: where keys go, what every new object carries, and how long a call may take. */
export class S3Bucket {
  readonly name: string
  /** ACL and encryption: on every call that creates an object, the sidecars of an upload included. */
  readonly creationHeaders: CreationHeaders
  readonly #client: S3Client
  readonly #rootPrefix: string
  readonly #deadlineMs: number

  constructor(client: S3Client, options: S3Options) {
    this.name = options.bucket
    this.creationHeaders = creationHeaders(options)
    this.#client = client
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
   * Makes one call, with a deadline, and translates its failure.
   * @throws TuskerError (errors.ts)
   */
  async call<Output>(
    operation: string,
    key: string,
    send: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<Output>,
    { signal }: CallOptions = {},
  ): Promise<Output> {
    try {
      return await withDeadline((abortSignal) => send(this.#client, { abortSignal }), {
        signal,
        deadlineMs: this.#deadlineMs,
      })
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
