import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from '../support/run-cli.ts'
import { startServer } from '../support/start-server.ts'

let cwd: string

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'tusker-cli-'))
})

afterAll(async () => await rm(cwd, { recursive: true, force: true }))

describe('tusker serve', () => {
  test('says where the page, the endpoint and each location are, and ends with 0 on SIGTERM', async () => {
    const env = {
      STORAGE_LOCATIONS: 'local,archive',
      STORAGE_ARCHIVE_DRIVER: 'local',
      STORAGE_ARCHIVE_ROOT: './old',
      STORAGE_ARCHIVE_MODE: 'ro',
    }
    const server = await startServer({ env, cwd })
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    const url = `http://localhost:${server.port}`
    expect(server.output()).toContain(`Page      ${url}/`)
    expect(server.output()).toContain(`Uploads   ${url}/files`)
    expect(server.output()).toContain(`local (rw, default): directory ./data  ${url}/files/local`)
    expect(server.output()).toContain(`archive (ro): directory ./old  ${url}/files/archive`)
    expect(await server.stop()).toBe(0)
  })

  test('a signal that arrives twice at once, as under npm start, still lets it end cleanly', async () => {
    const server = await startServer({ env: {}, cwd })
    server.signal('SIGINT')
    expect(await server.stop()).toBe(0)
    expect(server.output()).toContain('Shutting down')
  })

  test('is what runs without a command', async () => {
    const { exitCode, stderr } = await runCli([], { cwd, env: { PORT: 'x' } })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('PORT must be a whole number')
  })

  test('with a wrong configuration says everything that is wrong, opens no port and ends with 2', async () => {
    const env = {
      PORT: '0',
      LOG_LEVEL: 'loud',
      STORAGE_LOCATIONS: 's3,b',
      STORAGE_S3_DRIVER: 's3',
      STORAGE_S3_KEY: 'hunter2-key',
      STORAGE_B_DRIVER: 'floppy',
    }
    const { exitCode, stdout, stderr } = await runCli(['serve'], { cwd, env })
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr.trim().split('\n')).toEqual([
      'The configuration is not valid:',
      expect.stringMatching(/^ {2}LOG_LEVEL must be one of/) as string,
      '  STORAGE_S3_BUCKET is missing',
      '  STORAGE_S3_SECRET is missing: KEY and SECRET go together',
      '  STORAGE_B_DRIVER names no driver: it must be one of local, s3',
    ])
    expect(stderr).not.toContain('hunter2')
  })

  test('on a port that is taken says so and ends with 1', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { exitCode, stderr } = await runCli(['serve'], { cwd, env: { PORT: String(port) } })
    other.close()
    expect(exitCode).toBe(1)
    expect(stderr).toContain(String(port))
    expect(stderr).toMatch(/PORT/)
    expect(stderr).not.toContain('    at ')
  })

  test('on a directory that is a file names the location and the directory and ends with 1', async () => {
    await writeFile(join(cwd, 'a-file'), '')
    const { exitCode, stderr } = await runCli(['serve'], {
      cwd,
      env: { PORT: '0', STORAGE_LOCAL_ROOT: './a-file' },
    })
    expect(exitCode).toBe(1)
    expect(stderr).toContain('"local"')
    expect(stderr).toContain(join(cwd, 'a-file'))
  })

  test('takes what the environment does not set from .env', async () => {
    await writeFile(join(cwd, '.env'), 'LOG_LEVEL=loud\nPORT=0\n')
    const { exitCode, stderr } = await runCli(['serve'], { cwd, env: { PORT: 'x' } })
    await rm(join(cwd, '.env'))
    expect(exitCode).toBe(2)
    expect(stderr).toContain('LOG_LEVEL must be')
    expect(stderr).toContain('PORT must be')
  })
})

describe('tusker config', () => {
  test('lists every setting in force, secrets masked, with warnings', async () => {
    const env = {
      STORAGE_LOCATIONS: 's3',
      STORAGE_S3_DRIVER: 's3',
      STORAGE_S3_BUCKET: 'files',
      STORAGE_S3_KEY: 'hunter2-key',
      STORAGE_S3_SECRET: 'hunter2-secret',
      STORAGE_S3_BUKET: 'x',
    }
    const { exitCode, stdout } = await runCli(['config'], { cwd, env })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('STORAGE_S3_BUCKET=files  # environment')
    expect(stdout).toContain('STORAGE_S3_SECRET=(set)')
    expect(stdout).toContain('PORT=1080\n')
    expect(stdout).toContain('did you mean STORAGE_S3_BUCKET?')
    expect(stdout).not.toContain('hunter2')
  })

  test('with a wrong configuration ends with 2', async () => {
    expect((await runCli(['config'], { cwd, env: { PORT: 'x' } })).exitCode).toBe(2)
  })
})

describe('the command line', () => {
  test('--help tells what there is', async () => {
    const { exitCode, stdout } = await runCli(['--help'], { cwd })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('serve')
    expect(stdout).toContain('config')
  })

  test.each([
    ['an unknown command', ['upload-everything']],
    ['an unknown option', ['serve', '--prot', '1']],
  ])('%s is refused with 2', async (_name, words) => {
    const { exitCode, stderr } = await runCli(words, { cwd })
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^error: /)
  })
})
