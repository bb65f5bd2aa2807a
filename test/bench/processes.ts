import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ListeningProcess {
  readonly pid: number
  readonly port: number
  readonly stop: () => Promise<void>
}

export interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

const START_TIMEOUT_MS = 30_000
const POLL_MS = 20
const KEPT_OUTPUT_CHARACTERS = 4000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a program on a port that is free, with nothing of our environment but PATH, and waits until it takes connections. */
export async function startListening(toCommand: (port: number) => Command): Promise<ListeningProcess> {
  const port = await findFreePort()
  const { command, args, env, cwd } = toCommand(port)
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
  })
  running.add(child)
  const exited = once(child, 'exit').finally(() => running.delete(child))
  const output = lastOutput(child)
  const ended = exited.then(() => Promise.reject(new Error(`${command} ended at its start:\n${output()}`)))
  await Promise.race([waitForPort(port), ended])
  // From here on, an end is what stop() asks for, or shows in the requests that fail.
  ended.catch(() => undefined)
  return {
    pid: child.pid ?? 0,
    port,
    stop: async () => {
      // Nothing is measured any more and nothing is kept: there is no reason to wait for a graceful end.
      child.kill('SIGKILL')
      await exited
    },
  }
}

function lastOutput(child: ChildProcess): () => string {
  let text = ''
  const collect = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-KEPT_OUTPUT_CHARACTERS)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  return () => text
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function waitForPort(port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await takesConnections(port))) {
    if (Date.now() > deadline) throw new Error(`Nothing listens on port ${port} after ${START_TIMEOUT_MS} ms`)
    await sleep(POLL_MS)
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
