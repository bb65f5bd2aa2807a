import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { S3Options } from './options.ts'
import { MAX_ATTEMPTS } from './retry.ts'

/** The connections of a location, for the SDK and for what goes past it. */
export interface S3Agents {
  readonly http: HttpAgent
  readonly https: HttpsAgent
}

export function createAgents({ keepAlive, maxSockets }: S3Options): S3Agents {
  const options = { keepAlive, maxSockets }
  return { http: new HttpAgent(options), https: new HttpsAgent(options) }
}

/** The SDK's configuration for a location: everything that its options say about how to reach the store. */
export function clientConfig(options: S3Options, agents: S3Agents): S3ClientConfig {
  return {
    ...where(options),
    ...(options.credentials && { credentials: options.credentials }),
    ...checksums(options),
    forcePathStyle: options.forcePathStyle,
    // STORAGE_<LOC>_ENDPOINT alone counts: AWS_ENDPOINT_URL would move some of the calls of every location.
    ignoreConfiguredEndpointUrls: true,
    maxAttempts: MAX_ATTEMPTS,
    // With Expect: 100-continue the SDK opens a new connection for every part of 2 MiB or more.
    expectContinueHeader: false,
    requestHandler: requestHandler(options, agents),
  }
}

function where({ region, endpoint }: S3Options): Pick<S3ClientConfig, 'region' | 'endpoint'> {
  if (endpoint === undefined) return region === undefined ? {} : { region }
  // S3-compatible servers that have no regions sign with this one.
  return { endpoint, region: region ?? 'us-east-1' }
}

/** S3-compatible servers refuse or mishandle the checksums that the SDK adds of its own accord since 3.729. */
function checksums({
  endpoint,
}: S3Options): Pick<S3ClientConfig, 'requestChecksumCalculation' | 'responseChecksumValidation'> {
  const when = endpoint === undefined ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED'
  return { requestChecksumCalculation: when, responseChecksumValidation: when }
}

function requestHandler(options: S3Options, agents: S3Agents): NodeHttpHandler {
  return new NodeHttpHandler({
    connectionTimeout: options.connectionTimeoutMs,
    socketTimeout: options.socketTimeoutMs,
    httpAgent: agents.http,
    httpsAgent: agents.https,
  })
}
