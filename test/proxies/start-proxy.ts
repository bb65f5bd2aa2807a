import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ProxyVariant, type Surroundings, configurationOf } from './configurations.ts'
import { PROGRAMS, type ProxyProgram } from './programs.ts'

export interface RunningProxy {
  /** https://localhost:PORT, without a slash at the end. */
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

const ARGUMENTS: Readonly<Record<ProxyProgram, (path: string) => string[]>> = {
  nginx: (path) => ['-c', path],
  haproxy: (path) => ['-db', '-f', path],
  caddy: (path) => ['run', '--adapter', 'caddyfile', '--config', path],
}

/** Starts a real proxy, configured as docs/proxies.md says, in front of a Tusker. */
export async function startProxy(variant: ProxyVariant, surroundings: Surroundings): Promise<RunningProxy> {
  const { directory, port } = surroundings
  await mkdir(directory, { recursive: true })
  const path = join(directory, `${variant.program}.conf`)
  await writeFile(path, configurationOf(variant, surroundings))
  const child = spawn(PROGRAMS[variant.program], ARGUMENTS[variant.program](path), {
    cwd: directory,
    // Caddy keeps its state in the home directory.
    env: { PATH: process.env['PATH'], HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const output = outputOf(child)
  await Promise.race([
    listens(port),
    exited.then(() => Promise.reject(new Error(`${variant.program} ended at start:\n${output()}`))),
  ])
  return {
    url: `https://localhost:${port}`,
    port,
    stop: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** A port that is free now. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function outputOf(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return () => text
}

async function listens(port: number): Promise<void> {
  for (let attempts = 0; attempts < 200; attempts += 1) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await delay(50)
  }
  throw new Error(`Nothing listens on port ${port}`)
}
