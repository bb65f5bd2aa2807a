import type { S3Client } from '@aws-sdk/client-s3'
import type { S3Options } from './options.ts'

export type Query = Readonly<Record<string, string>>

export interface UnsignedRequest {
  readonly method: 'GET' | 'PUT'
  /** In the bucket. */
  readonly key: string
  readonly query: Query
  readonly headers: Readonly<Record<string, string>>
}

export interface SignedRequest {
  readonly url: URL
  /** With the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

type SdkSigner = Awaited<ReturnType<S3Client['config']['signer']>>

/** Signs requests for objects of one bucket with what the SDK knows: its endpoint rules, its credentials, its signer. */
export class RequestSigner {
  readonly #client: S3Client
  readonly #options: S3Options
  #target: Promise<{ readonly url: URL; readonly signer: SdkSigner }> | undefined
  /** How much the store's clock is ahead of ours. */
  #clockOffsetMs = 0

  constructor(client: S3Client, options: S3Options) {
    this.#client = client
    this.#options = options
  }

  async sign({ method, key, query, headers }: UnsignedRequest): Promise<SignedRequest> {
    // Kept, unless it failed: a region that could not be looked up may be there the next time.
    this.#target ??= this.#findTarget().catch((error: unknown) => {
      this.#target = undefined
      throw error
    })
    const { url, signer } = await this.#target
    const path = `${url.pathname.replace(/\/$/, '')}/${key.split('/').map(encode).join('/')}`
    const request = {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path,
      query: { ...query },
      // What protects the payload is its checksum: its hash would cost more than everything else (S3 API, "Unsigned payload").
      headers: { ...headers, host: url.host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    }
    const signingDate = new Date(Date.now() + this.#clockOffsetMs)
    const signed = await signer.sign(request, { signingDate })
    return { url, path: path + queryString(query), headers: signed.headers }
  }

  /** Goes by the clock of the store from now on, which its answer's Date header tells. */
  adjustClock(date: string | string[] | undefined): void {
    const storeMs = Date.parse(String(date))
    if (!Number.isNaN(storeMs)) this.#clockOffsetMs = storeMs - Date.now()
  }

  async #findTarget() {
    const { config } = this.#client
    const { bucket, endpoint, forcePathStyle } = this.#options
    const { url, properties } = config.endpointProvider({
      Bucket: bucket,
      Region: await config.region(),
      ForcePathStyle: forcePathStyle,
      ...(endpoint !== undefined && { Endpoint: endpoint }),
    })
    const scheme = (properties?.['authSchemes'] as readonly Scheme[] | undefined)?.[0]
    return { url, signer: await config.signer(scheme && { ...scheme, properties: {} }) }
  }
}

type Scheme = { readonly name: string; readonly signingName: string; readonly signingRegion: string }

/** As SigV4 wants it: everything but unreserved characters (AWS, "Signature Version 4", UriEncode). */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function queryString(query: Query): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}
