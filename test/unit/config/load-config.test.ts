import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Config, ConfigError, loadConfig } from '../../../src/config/load-config.ts'

type Variables = Record<string, string>

function faultsOf(variables: Variables): string[] {
  try {
    loadConfig(variables)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.faults.map(({ variable, message }) => `${variable} ${message}`)
    throw error
  }
  return []
}

function faultOf(variable: string, value: string): string | undefined {
  return faultsOf({ [variable]: value }).find((fault) => fault.startsWith(`${variable} `))
}

const S3: Variables = { STORAGE_LOCATIONS: 's3', STORAGE_S3_DRIVER: 's3', STORAGE_S3_BUCKET: 'files' }

function s3(variables: Variables = {}): Extract<Config['locations'][number], { driver: 's3' }>['options'] {
  const [location] = loadConfig({ ...S3, ...variables }).config.locations
  if (location?.driver !== 's3') throw new Error('No S3 location')
  return location.options
}

describe('with no variable at all', () => {
  test('there is one location in ./data, on this machine, at port 1080', () => {
    const { config, warnings } = loadConfig({})
    expect(warnings).toEqual([])
    expect(config.server).toMatchObject({
      host: '127.0.0.1',
      port: 1080,
      publicUrl: undefined,
      relativeLocation: false,
      trustProxy: false,
    })
    expect(config.locations).toEqual([
      { name: 'local', mode: 'rw', driver: 'local', options: { root: './data' } },
    ])
    expect(config.defaultLocation).toBe('local')
    expect(config.uploads).toEqual({
      maxSizeBytes: undefined,
      expirationMs: 7 * 24 * 3600 * 1000,
      expirationMode: 'absolute',
      cleanupSchedule: '0 * * * *',
      partialRetentionMs: 24 * 3600 * 1000,
      lockTimeoutMs: 20_000,
      rufhInformational: false,
    })
  })
})

describe('the S3 examples of Directus work as written', () => {
  const base: Variables = { STORAGE_LOCATIONS: 's3', STORAGE_S3_DRIVER: 's3' }
  const keys: Variables = { STORAGE_S3_KEY: 'AKIAEXAMPLE', STORAGE_S3_SECRET: 'secret/with+signs=' }
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret/with+signs=' }
  const examples: readonly (readonly [name: string, variables: Variables, expected: object])[] = [
    [
      'Amazon',
      { ...base, ...keys, STORAGE_S3_BUCKET: 'my-files', STORAGE_S3_REGION: 'us-east-1' },
      {
        bucket: 'my-files',
        credentials,
        region: 'us-east-1',
        endpoint: undefined,
        forcePathStyle: false,
        root: '',
      },
    ],
    [
      'a root path',
      {
        ...base,
        ...keys,
        STORAGE_S3_BUCKET: 'my-files',
        STORAGE_S3_REGION: 'us-east-1',
        STORAGE_S3_ROOT: '/directus/uploads',
      },
      { root: 'directus/uploads' },
    ],
    [
      'an IAM role',
      { ...base, STORAGE_S3_BUCKET: 'my-files', STORAGE_S3_REGION: 'eu-west-1' },
      { credentials: undefined, region: 'eu-west-1' },
    ],
    [
      'public-read',
      { ...base, ...keys, STORAGE_S3_BUCKET: 'my-files', STORAGE_S3_ACL: 'public-read' },
      { acl: 'public-read' },
    ],
    [
      'server-side encryption',
      { ...base, ...keys, STORAGE_S3_BUCKET: 'my-files', STORAGE_S3_SERVER_SIDE_ENCRYPTION: 'AES256' },
      { serverSideEncryption: 'AES256', serverSideEncryptionKmsKeyId: undefined },
    ],
    [
      'encryption by KMS',
      {
        ...base,
        ...keys,
        STORAGE_S3_BUCKET: 'my-files',
        STORAGE_S3_SERVER_SIDE_ENCRYPTION: 'aws:kms',
        STORAGE_S3_SERVER_SIDE_ENCRYPTION_KMS_KEY_ID: 'arn:aws:kms:us-east-1:111122223333:key/1234',
      },
      {
        serverSideEncryption: 'aws:kms',
        serverSideEncryptionKmsKeyId: 'arn:aws:kms:us-east-1:111122223333:key/1234',
      },
    ],
    [
      'DigitalOcean Spaces',
      {
        ...base,
        ...keys,
        STORAGE_S3_BUCKET: 'space',
        STORAGE_S3_REGION: 'nyc3',
        STORAGE_S3_ENDPOINT: 'nyc3.digitaloceanspaces.com',
      },
      { endpoint: 'https://nyc3.digitaloceanspaces.com', region: 'nyc3' },
    ],
    [
      'Cloudflare R2',
      {
        ...base,
        ...keys,
        STORAGE_S3_BUCKET: 'r2',
        STORAGE_S3_REGION: 'auto',
        STORAGE_S3_ENDPOINT: 'https://0123abcd.r2.cloudflarestorage.com',
      },
      { endpoint: 'https://0123abcd.r2.cloudflarestorage.com', region: 'auto' },
    ],
    [
      'MinIO',
      {
        ...base,
        ...keys,
        STORAGE_S3_BUCKET: 'minio',
        STORAGE_S3_ENDPOINT: 'http://minio:9000',
        STORAGE_S3_FORCE_PATH_STYLE: 'true',
      },
      { endpoint: 'http://minio:9000', forcePathStyle: true },
    ],
    [
      'Backblaze B2',
      {
        ...base,
        ...keys,
        STORAGE_S3_BUCKET: 'b2',
        STORAGE_S3_REGION: 'us-west-004',
        STORAGE_S3_ENDPOINT: 's3.us-west-004.backblazeb2.com',
      },
      { endpoint: 'https://s3.us-west-004.backblazeb2.com', region: 'us-west-004' },
    ],
  ]

  test.each(examples)('%s', (_name, variables, expected) => {
    const { config, warnings } = loadConfig(variables)
    expect(warnings).toEqual([])
    expect(config.locations[0]).toMatchObject({ name: 's3', driver: 's3', options: expected })
  })

  test('what they leave out has the documented defaults', () => {
    expect(s3()).toMatchObject({
      connectionTimeoutMs: 5000,
      socketTimeoutMs: 120_000,
      maxSockets: 500,
      keepAlive: true,
      tus: { chunkSizeBytes: 5_242_880 },
    })
  })
})

describe('the traps of Directus are none here', () => {
  test.each([
    ['a bucket of digits', { STORAGE_S3_BUCKET: '20240101' }, { bucket: '20240101' }],
    ['a root with a comma', { STORAGE_S3_ROOT: 'a,b' }, { root: 'a,b' }],
    ['TRUE', { STORAGE_S3_FORCE_PATH_STYLE: 'TRUE' }, { forcePathStyle: true }],
    ['FALSE', { STORAGE_S3_FORCE_PATH_STYLE: 'FALSE' }, { forcePathStyle: false }],
    ['0 for false', { STORAGE_S3_KEEP_ALIVE: '0' }, { keepAlive: false }],
    [
      'a key of digits',
      { STORAGE_S3_KEY: '1234567890', STORAGE_S3_SECRET: '0987' },
      { credentials: { accessKeyId: '1234567890', secretAccessKey: '0987' } },
    ],
    [
      'an endpoint without a scheme',
      { STORAGE_S3_ENDPOINT: 'minio:9000' },
      { endpoint: 'https://minio:9000' },
    ],
    [
      'an endpoint with a slash at its end',
      { STORAGE_S3_ENDPOINT: 'http://minio:9000/' },
      { endpoint: 'http://minio:9000' },
    ],
    [
      'an endpoint with a base path',
      { STORAGE_S3_ENDPOINT: 'https://host/base/path/' },
      { endpoint: 'https://host/base/path' },
    ],
    [
      'durations with units',
      { STORAGE_S3_CONNECTION_TIMEOUT: '7s', STORAGE_S3_SOCKET_TIMEOUT: '2m' },
      { connectionTimeoutMs: 7000, socketTimeoutMs: 120_000 },
    ],
    [
      'TUS__CHUNK_SIZE, which Directus documents and ignores',
      { STORAGE_S3_TUS__CHUNK_SIZE: '8388608' },
      { tus: { chunkSizeBytes: 8_388_608 } },
    ],
    [
      'TUS__CHUNK_SIZE with a unit',
      { STORAGE_S3_TUS__CHUNK_SIZE: '16mb' },
      { tus: { chunkSizeBytes: 16 * 1024 ** 2 } },
    ],
    ['slashes around the root', { STORAGE_S3_ROOT: '//a//b/' }, { root: 'a/b' }],
  ])('%s', (_name, variables, expected) => {
    expect(s3(variables)).toMatchObject(expected)
  })

  test('`s3` does not take what belongs to `s3_backup`', () => {
    const { config, warnings } = loadConfig({
      ...S3,
      STORAGE_LOCATIONS: ' s3 , s3_backup ',
      STORAGE_S3_BACKUP_DRIVER: 's3',
      STORAGE_S3_BACKUP_BUCKET: 'backup',
      STORAGE_S3_BACKUP_ROOT: 'only/here',
    })
    expect(warnings).toEqual([])
    expect(config.locations.map(({ name }) => name)).toEqual(['s3', 's3_backup'])
    expect(config.locations[0]?.options).toMatchObject({ bucket: 'files', root: '' })
    expect(config.locations[1]?.options).toMatchObject({ bucket: 'backup', root: 'only/here' })
  })

  test('a location that is configured but not listed is left alone, with a warning', () => {
    const { config, warnings } = loadConfig({
      ...S3,
      STORAGE_S3_BACKUP_DRIVER: 's3',
      STORAGE_S3_BACKUP_BUCKET: 'backup',
    })
    expect(config.locations).toHaveLength(1)
    expect(s3({ STORAGE_S3_BACKUP_DRIVER: 's3', STORAGE_S3_BACKUP_BUCKET: 'backup' }).bucket).toBe('files')
    expect(warnings).toEqual([
      'STORAGE_S3_BACKUP_DRIVER: location "s3_backup" is not in STORAGE_LOCATIONS, so it is not used',
    ])
  })

  test('a name with - has _ in its variables', () => {
    const { config } = loadConfig({
      STORAGE_LOCATIONS: 'my-files',
      STORAGE_MY_FILES_DRIVER: 'local',
      STORAGE_MY_FILES_ROOT: '/srv/files',
    })
    expect(config.locations).toEqual([
      { name: 'my-files', mode: 'rw', driver: 'local', options: { root: '/srv/files' } },
    ])
  })
})

describe('secrets in files', () => {
  let directory: string

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tusker-config-'))
  })

  afterAll(() => rmSync(directory, { recursive: true }))

  function file(name: string, content: string): string {
    const path = join(directory, name)
    writeFileSync(path, content)
    return path
  }

  test.each([
    ['one newline', 'hunter2\n'],
    ['a Windows newline', 'hunter2\r\n'],
    ['none', 'hunter2'],
  ])('%s at the end is not part of the value', (_name, content) => {
    const options = s3({ STORAGE_S3_KEY: 'key', STORAGE_S3_SECRET_FILE: file('secret', content) })
    expect(options.credentials?.secretAccessKey).toBe('hunter2')
  })

  test('spaces and inner newlines are', () => {
    expect(
      s3({ STORAGE_S3_KEY: 'key', STORAGE_S3_SECRET_FILE: file('odd', ' a\nb \n') }).credentials
        ?.secretAccessKey,
    ).toBe(' a\nb ')
  })

  test('any variable can be given so', () => {
    expect(s3({ STORAGE_S3_TUS__CHUNK_SIZE_FILE: file('size', '6mb\n') }).tus.chunkSizeBytes).toBe(
      6 * 1024 ** 2,
    )
    expect(loadConfig({ PORT_FILE: file('port', '8080') }).config.server.port).toBe(8080)
    expect(loadConfig({ STORAGE_LOCATIONS_FILE: file('locations', 'local\n') }).config.defaultLocation).toBe(
      'local',
    )
  })

  test('a file that is not there, or a value that is set twice, is a fault', () => {
    expect(
      faultsOf({
        ...S3,
        STORAGE_S3_BUCKET_FILE: '/nowhere',
        STORAGE_S3_REGION: 'x',
        STORAGE_S3_REGION_FILE: file('region', 'y'),
      }),
    ).toEqual([
      'STORAGE_S3_BUCKET_FILE is set beside STORAGE_S3_BUCKET: set one of them',
      'STORAGE_S3_REGION_FILE is set beside STORAGE_S3_REGION: set one of them',
    ])
    expect(faultsOf({ PORT_FILE: '/nowhere' })).toEqual([
      "PORT_FILE names a file that can't be read: /nowhere (ENOENT)",
    ])
  })
})

describe('locations', () => {
  test('the default is the first that takes uploads, or the one that is named', () => {
    const two = {
      STORAGE_LOCATIONS: 'a,b',
      STORAGE_A_DRIVER: 'local',
      STORAGE_A_ROOT: '/a',
      STORAGE_B_DRIVER: 'local',
      STORAGE_B_ROOT: '/b',
    }
    expect(loadConfig(two).config.defaultLocation).toBe('a')
    expect(loadConfig({ ...two, STORAGE_DEFAULT_LOCATION: 'b' }).config.defaultLocation).toBe('b')
    expect(loadConfig({ ...two, STORAGE_A_MODE: 'ro' }).config.defaultLocation).toBe('b')
    expect(faultsOf({ ...two, STORAGE_DEFAULT_LOCATION: 'c' })).toEqual([
      'STORAGE_DEFAULT_LOCATION must be one of STORAGE_LOCATIONS',
    ])
    expect(faultsOf({ ...two, STORAGE_DEFAULT_LOCATION: 'a', STORAGE_A_MODE: 'drain' })).toEqual([
      'STORAGE_DEFAULT_LOCATION must be a location that takes new uploads, not one with MODE drain',
    ])
    expect(faultsOf({ STORAGE_LOCAL_MODE: 'ro' })).toEqual([
      'STORAGE_DEFAULT_LOCATION has no location to be: none of STORAGE_LOCATIONS has MODE rw',
    ])
  })

  test.each([
    [{ STORAGE_LOCATIONS: ' , ' }, 'STORAGE_LOCATIONS must name at least one location'],
    [
      { STORAGE_LOCATIONS: 'local,../etc' },
      'STORAGE_LOCATIONS has a name with other than letters, digits, _ and -: ../etc',
    ],
    [
      { STORAGE_LOCATIONS: 'a-b,a_b' },
      'STORAGE_LOCATIONS has names that stand for the same variables: a-b, a_b',
    ],
    [{ STORAGE_LOCATIONS: 'x' }, 'STORAGE_X_DRIVER is missing: it must be one of local, s3'],
    [
      { STORAGE_LOCATIONS: 'x', STORAGE_X_DRIVER: 'gcs' },
      'STORAGE_X_DRIVER names no driver: it must be one of local, s3',
    ],
    [
      { STORAGE_LOCATIONS: 'local,x', STORAGE_X_DRIVER: 'local' },
      'STORAGE_X_ROOT must be another directory than that of location "local"',
    ],
  ])('%j is refused', (variables, fault) => {
    expect(faultsOf(variables as Variables)).toEqual([fault])
  })

  test('a name that no location knows is warned of, with the nearest that there is', () => {
    expect(
      loadConfig({ ...S3, STORAGE_S3_FORCE_PATHSTYLE: 'true', STORAGE_S3_TUS_CHUNK_SIZE: '1' }).warnings,
    ).toEqual([
      'STORAGE_S3_FORCE_PATHSTYLE is not a setting of location "s3"; did you mean STORAGE_S3_FORCE_PATH_STYLE?',
      'STORAGE_S3_TUS_CHUNK_SIZE is not a setting of location "s3"; did you mean STORAGE_S3_TUS__CHUNK_SIZE?',
    ])
    expect(loadConfig({ STORAGE_LOCLA_ROOT: 'x' }).warnings).toEqual([
      'STORAGE_LOCLA_ROOT belongs to no location in STORAGE_LOCATIONS (local)',
    ])
  })
})

describe('a wrong value is a fault that names its variable and what would be right', () => {
  test.each([
    ['PORT', ['http', '70000', '-1', '1.5', '0x50']],
    ['PUBLIC_URL', ['uploads.example.com', 'ftp://x', 'https://x/?a=1', 'https://u:p@x']],
    ['IP_TRUST_PROXY', ['maybe', '10.0.0.0/99', '1.2.3']],
    ['SHUTDOWN_TIMEOUT', ['soon', '0', '-5s', '100d']],
    ['BODY_IDLE_TIMEOUT', ['1 fortnight', '']],
    ['LOG_LEVEL', ['loud']],
    ['CORS_ENABLED', ['perhaps', '2']],
    ['CORS_ORIGIN', ['*', 'https://app.example.com/path', 'app.example.com']],
    ['CORS_MAX_AGE', ['1h']],
    ['FILES_MAX_UPLOAD_SIZE', ['big', '-1', '5 apples', '99999999999999999999']],
    ['TUS_UPLOAD_EXPIRATION', ['later', '5']],
    ['TUS_CLEANUP_SCHEDULE', ['hourly', '99 * * * *']],
    ['LOCK_TIMEOUT', ['x']],
    ['DOWNLOADS_ENABLED', ['oui']],
    ['DOWNLOADS_INLINE_TYPES', ['text/html', 'image/png,image/svg+xml', 'image/*', 'application/pdf']],
    ['STORAGE_LOCAL_MODE', ['readonly']],
  ])('%s', (variable, values) => {
    for (const value of values.filter((written) => written !== '')) {
      expect(faultOf(variable, value), value).toMatch(/ (must|has|names) /)
    }
  })

  test.each([
    ['STORAGE_S3_ROOT', ['../up', 'a/./b']],
    [
      'STORAGE_S3_ENDPOINT',
      ['http://', 'https://user:password@host', 'https://host/?x=1', 'ht tp://x', 'ftp://host/x'],
    ],
    ['STORAGE_S3_FORCE_PATH_STYLE', ['yess']],
    ['STORAGE_S3_ACL', ['world-readable']],
    ['STORAGE_S3_SERVER_SIDE_ENCRYPTION', ['aes']],
    ['STORAGE_S3_SERVER_SIDE_ENCRYPTION_KMS_KEY_ID', ['key-without-kms']],
    ['STORAGE_S3_CONNECTION_TIMEOUT', ['0', 'x']],
    ['STORAGE_S3_SOCKET_TIMEOUT', ['never']],
    ['STORAGE_S3_MAX_SOCKETS', ['0', 'many']],
    ['STORAGE_S3_TUS__CHUNK_SIZE', ['5242879', '1mb', '6gb', 'x']],
    ['STORAGE_S3_MODE', ['RW!']],
  ])('%s', (variable, values) => {
    for (const value of values) {
      const faults = faultsOf({ ...S3, [variable]: value })
      expect(faults.join('\n'), value).toMatch(new RegExp(`^${variable} (must|needs) `))
    }
  })

  test('KEY and SECRET go together, and a bucket is needed', () => {
    expect(faultsOf({ ...S3, STORAGE_S3_KEY: 'k' })).toEqual([
      'STORAGE_S3_SECRET is missing: KEY and SECRET go together',
    ])
    expect(faultsOf({ ...S3, STORAGE_S3_SECRET: 's' })).toEqual([
      'STORAGE_S3_KEY is missing: KEY and SECRET go together',
    ])
    expect(faultsOf({ STORAGE_LOCATIONS: 's3', STORAGE_S3_DRIVER: 's3' })).toEqual([
      'STORAGE_S3_BUCKET is missing',
    ])
  })

  test('cookies are not for every origin', () => {
    expect(faultsOf({ CORS_CREDENTIALS: 'true' })).toHaveLength(1)
    expect(faultsOf({ CORS_CREDENTIALS: 'true', CORS_ORIGIN: 'https://app.example.com' })).toEqual([])
  })

  test('all faults come at once, general ones and those of every location, and no secret is among them', () => {
    const variables = {
      PORT: 'x',
      LOG_LEVEL: 'loud',
      STORAGE_LOCATIONS: 'a,b,c',
      STORAGE_A_DRIVER: 's3',
      STORAGE_A_SECRET: 'hunter2-secret',
      STORAGE_A_SOCKET_TIMEOUT: 'hunter2-timeout',
      STORAGE_B_DRIVER: 'nothing',
      STORAGE_C_DRIVER: 'local',
      STORAGE_C_MODE: 'x',
    }
    const faults = faultsOf(variables)
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
      'PORT',
      'LOG_LEVEL',
      'STORAGE_A_BUCKET',
      'STORAGE_A_SOCKET_TIMEOUT',
      'STORAGE_A_KEY',
      'STORAGE_B_DRIVER',
      'STORAGE_C_MODE',
    ])
    expect(faults.join('\n')).not.toContain('hunter2')
  })
})
