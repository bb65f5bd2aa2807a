import { describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../../../src/config/load-config.ts'

const S3 = { STORAGE_LOCATIONS: 's3', STORAGE_S3_DRIVER: 's3', STORAGE_S3_BUCKET: 'files' }

function equalParts(variables: Readonly<Record<string, string>>): boolean {
  const [location] = loadConfig({ ...S3, ...variables }).config.locations
  if (location?.driver !== 's3') throw new Error('No S3 location')
  return location.options.tus.equalParts
}

describe('parts of one size (TUS__EQUAL_PARTS)', () => {
  test.each([
    'https://0123456789abcdef.r2.cloudflarestorage.com',
    'https://0123456789abcdef.eu.r2.cloudflarestorage.com',
    'https://0123456789ABCDEF.R2.CloudflareStorage.com:443/',
    '0123456789abcdef.r2.cloudflarestorage.com',
  ])('are the default at R2: %s', (endpoint) => {
    expect(equalParts({ STORAGE_S3_ENDPOINT: endpoint })).toBe(true)
  })

  test.each([
    'https://s3.eu-central-1.amazonaws.com',
    'https://minio.example:9000',
    'https://r2.cloudflarestorage.com.example',
    'https://s3.example/r2.cloudflarestorage.com',
    'https://notr2.cloudflarestorage.com',
  ])('are not the default elsewhere: %s', (endpoint) => {
    expect(equalParts({ STORAGE_S3_ENDPOINT: endpoint })).toBe(false)
  })

  test('are not the default at AWS, which has no ENDPOINT', () => {
    expect(equalParts({})).toBe(false)
  })

  test.each([
    ['true', 'https://r2.behind-a-domain.example', true],
    ['false', 'https://0123456789abcdef.r2.cloudflarestorage.com', false],
  ])('are as %s says, wherever the location is (%s)', (written, endpoint, expected) => {
    const variables = { STORAGE_S3_ENDPOINT: endpoint, STORAGE_S3_TUS__EQUAL_PARTS: written }
    expect(equalParts(variables)).toBe(expected)
  })

  test('are a yes or a no', () => {
    expect(() => equalParts({ STORAGE_S3_TUS__EQUAL_PARTS: 'sometimes' })).toThrow(ConfigError)
  })
})
