import { Command, InvalidArgumentError } from 'commander'
import type { TestedServerOptions } from './tested-server.ts'

export interface Arguments extends TestedServerOptions {
  readonly asJson: boolean
  /** Whether the rules of the IETF protocol are run too. */
  readonly ietf: boolean
  readonly isWanted: (rule: string) => boolean
  /** Takes credentials out of what is printed. */
  readonly conceal: (text: string) => string
}

interface Flags {
  readonly url: URL
  readonly only: readonly string[]
  readonly json: boolean
  readonly timeout: number
  readonly header: Readonly<Record<string, string>>
  readonly ietf: boolean
  readonly interop: number
}

/** Reads the command line; ends the process with 2 if it makes no sense. */
export function parseArguments(argv: readonly string[]): Arguments {
  const command = new Command('conformance')
    .description(
      'Holds a server against tus 1.0.0 and the IETF protocol for resumable uploads, rule by rule.',
    )
    .requiredOption('--url <url>', 'where uploads are created, such as http://localhost:1080/files', parseUrl)
    .option('--only <rules>', 'some rules: C-07, or a group such as CR, with commas', parseList, [])
    .option('--timeout <seconds>', 'how long an answer may take, and what a rule waits for', parseSeconds, 10)
    .option(
      '--header <line>',
      'sent with every request, such as "Authorization: Bearer …"; repeatable',
      addHeader,
      {},
    )
    .option('--no-ietf', 'leave out the IETF protocol')
    .option('--interop <number>', 'its interop version, 3 to 9', parseInterop, 8)
    .option('--json', 'print JSON', false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse(argv)
  return toArguments(command.opts<Flags>())
}

function toArguments({ url, only, json, timeout, header, ietf, interop }: Flags): Arguments {
  const login = url.username === '' ? {} : { Authorization: basic(url) }
  const headers = { ...login, ...header }
  const secrets = [url.password, url.search.slice(1), ...Object.values(headers)].filter(
    (secret) => secret !== '',
  )
  url.username = ''
  url.password = ''
  return {
    url: url.href,
    headers,
    timeoutMs: timeout * 1000,
    interop,
    ietf,
    asJson: json,
    isWanted: (rule) =>
      only.length === 0 || only.some((name) => rule === name || rule.startsWith(`${name}-`)),
    conceal: (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text),
  }
}

function basic({ username, password }: URL): string {
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw new InvalidArgumentError('It must be an http(s) URL.')
  return new URL(text)
}

function parseList(text: string): readonly string[] {
  return text.split(',').map((name) => name.trim().toUpperCase())
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0 && seconds <= 3600)) throw new InvalidArgumentError('It must be a number of seconds.')
  return seconds
}

function parseInterop(text: string): number {
  if (!/^[3-9]$/.test(text)) throw new InvalidArgumentError('It must be 3 to 9.')
  return Number(text)
}

function addHeader(line: string, others: Readonly<Record<string, string>>): Record<string, string> {
  const [, name, value] = /^([\w-]+):\s*(.+)$/.exec(line) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('It must be "Name: value".')
  return { ...others, [name]: value }
}
