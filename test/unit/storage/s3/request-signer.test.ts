import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { describe, expect, test } from 'vitest'
import { clientConfig, createAgents } from '../../../../src/storage/drivers/s3/client.ts'
import type { S3Options } from '../../../../src/storage/drivers/s3/options.ts'
import { RequestSigner } from '../../../../src/storage/drivers/s3/request-signer.ts'
import { s3Options } from '../../../support/s3-location.ts'

const ACCESS = {
  endpoint: 'http://127.0.0.1:1',
  region: 'eu-central-1',
  accessKeyId: 'a',
  secretAccessKey: 'b',
}

/** Where the SDK itself would send a request. */
async function targetOfSdk(client: S3Client, bucket: string, key: string): Promise<string> {
  let target = ''
  const capture = new Error('captured')
  client.middlewareStack.add(
    () => (args) => {
      const { protocol, hostname, port, path } = args.request as {
        protocol: string
        hostname: string
        port?: number
        path: string
      }
      target = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`
      throw capture
    },
    { step: 'finalizeRequest', priority: 'low', name: 'capture', override: true },
  )
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'x' })).catch((error: unknown) => {
    if (error !== capture) throw error
  })
  return target
}

describe('a request that is signed past the SDK', () => {
  const KEYS = ['plain', 'a/b c/d+e', 'Grüße (1)!*\'"~.txt', 'per%cent&and=equals?#', '日本']

  const PLACES: readonly [string, Partial<S3Options>][] = [
    ['a server by its address', { forcePathStyle: true }],
    ['a server with a base path', { endpoint: 'https://s3.example.com/base/path', forcePathStyle: true }],
    [
      'a server with the bucket in its name',
      { endpoint: 'https://s3.example.com:8443', forcePathStyle: false },
    ],
    ['Amazon', { endpoint: undefined, forcePathStyle: false }],
    ['Amazon, a bucket with dots', { endpoint: undefined, forcePathStyle: false, bucket: 'my.bucket' }],
    ['Amazon, with the bucket in the path', { endpoint: undefined, forcePathStyle: true }],
    ['Amazon in China', { endpoint: undefined, forcePathStyle: false, region: 'cn-north-1' }],
  ]

  test.each(PLACES)('goes where the SDK would send it: %s', async (_name, overrides) => {
    const options = s3Options(ACCESS, 'photos', overrides)
    const client = new S3Client(clientConfig(options, createAgents(options)))
    const signer = new RequestSigner(client, options)
    for (const key of KEYS) {
      const { url, path } = await signer.sign({ method: 'PUT', key, query: {}, headers: {} })
      expect(`${url.origin}${path}`).toBe(await targetOfSdk(client, options.bucket, key))
    }
    client.destroy()
  })

  test('carries its query, encoded, and says that its payload is not hashed', async () => {
    const options = s3Options(ACCESS, 'photos')
    const client = new S3Client(clientConfig(options, createAgents(options)))
    const query = { uploadId: 'a+b/c=d e', partNumber: '7' }
    const signed = await new RequestSigner(client, options).sign({
      method: 'PUT',
      key: 'k',
      query,
      headers: { 'x-amz-acl': 'private' },
    })
    expect(signed.path).toBe('/photos/k?uploadId=a%2Bb%2Fc%3Dd%20e&partNumber=7')
    expect(signed.headers).toMatchObject({ host: '127.0.0.1:1', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
    expect(signed.headers['authorization']).toContain(
      'SignedHeaders=host;x-amz-acl;x-amz-content-sha256;x-amz-date',
    )
    client.destroy()
  })

  test('goes by the clock of the store, once it has said that ours is wrong', async () => {
    const options = s3Options(ACCESS, 'photos')
    const client = new S3Client(clientConfig(options, createAgents(options)))
    const signer = new RequestSigner(client, options)
    signer.adjustClock('Wed, 01 Jan 2020 00:00:00 GMT')
    const { headers } = await signer.sign({ method: 'PUT', key: 'k', query: {}, headers: {} })
    expect(headers['x-amz-date']).toMatch(/^20200101T00000\dZ$/)
    signer.adjustClock('no date')
    const again = await signer.sign({ method: 'PUT', key: 'k', query: {}, headers: {} })
    expect(again.headers['x-amz-date']).toMatch(/^20200101T00000\dZ$/)
    client.destroy()
  })
})
