import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { describeConfig } from '../../../src/config/describe-config.ts'
import { configurationPage, envExample } from '../../../src/config/document-config.ts'
import { loadConfig } from '../../../src/config/load-config.ts'

const read = async (path: string): Promise<string> =>
  await readFile(new URL(`../../../${path}`, import.meta.url), 'utf8')

describe('what is written from the schema', () => {
  test('docs/configuration.md is up to date (npm run docs:config)', async () => {
    expect(await read('docs/configuration.md')).toBe(configurationPage())
  })

  test('.env.example is up to date (npm run docs:config)', async () => {
    expect(await read('.env.example')).toBe(envExample())
  })

  test('.env.example is a valid configuration once its S3 variables are set, and changes nothing', () => {
    const lines = envExample()
      .split('\n')
      .flatMap((line) => /^# ([A-Z0-9_]+=.*)$/.exec(line)?.[1] ?? [])
    const variables = Object.fromEntries(
      lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    )
    const { config } = loadConfig({ ...variables, STORAGE_LOCAL_DRIVER: 'local', STORAGE_S3_DRIVER: '' })
    expect(config).toEqual(loadConfig({}).config)
  })
})

describe('the listing of the configuration', () => {
  const listing = describeConfig(
    loadConfig({
      PORT: '8080',
      STORAGE_LOCATIONS: 's3',
      STORAGE_S3_DRIVER: 's3',
      STORAGE_S3_BUCKET: 'files',
      STORAGE_S3_KEY: 'AKIAEXAMPLE',
      STORAGE_S3_SECRET: 'hunter2',
    }),
  )

  test('shows values and where they come from', () => {
    expect(listing).toContainEqual({ variable: 'PORT', value: '8080', source: 'environment' })
    expect(listing).toContainEqual({ variable: 'HOST', value: '127.0.0.1', source: 'default' })
    expect(listing).toContainEqual({ variable: 'STORAGE_S3_BUCKET', value: 'files', source: 'environment' })
    expect(listing).toContainEqual({
      variable: 'STORAGE_S3_TUS__CHUNK_SIZE',
      value: '5242880',
      source: 'default',
    })
  })

  test('masks secrets whole', () => {
    expect(listing).toContainEqual({ variable: 'STORAGE_S3_SECRET', value: '(set)', source: 'environment' })
    expect(JSON.stringify(listing)).not.toMatch(/hunter2|AKIAEXAMPLE/)
  })
})
