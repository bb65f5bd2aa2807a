import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface RunningServer {
  /** http://127.0.0.1:PORT, without a slash at the end. */
  readonly url: string
  readonly port: number
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>
  /** Sends a signal and does not wait. */
  signal(name: NodeJS.Signals): void
  /** kill -9. */
  kill9(): Promise<void>
  /** All that it has printed. */
  output(): string
}

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const PAGE_URL = /http:\/\/localhost:(\d+)\//

/** Starts the built server as its own process, as an operator does, with nothing of this process's environment but PATH. */
export async function startServer(options: {
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}): Promise<RunningServer> {
  const child = spawn(process.execPath, [MAIN, 'serve'], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '', HOST: '127.0.0.1', PORT: '0', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const output = collect(child)
  const [, port = ''] = await Promise.race([
    findUrl(child, output),
    exited.then(() => Promise.reject(new Error(`The server ended at start:\n${output()}`))),
  ])
  return {
    url: `http://127.0.0.1:${port}`,
    port: Number(port),
    output,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
      return child.exitCode
    },
    signal: (name) => void child.kill(name),
    kill9: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

function collect(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return () => text
}

async function findUrl(child: ChildProcess, output: () => string): Promise<RegExpExecArray> {
  for (;;) {
    const match = PAGE_URL.exec(output())
    if (match) return match
    if (child.stdout) await once(child.stdout, 'data')
  }
}
