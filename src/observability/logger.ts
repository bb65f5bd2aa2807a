import { type DestinationStream, type Level, type Logger, pino } from 'pino'

/** What must never be in a log, wherever it appears in a request or response. */
const SECRETS = [
  'req.headers.authorization',
  'req.headers.cookie',
  'res.headers["set-cookie"]',
  '*.secretAccessKey',
  '*.credentials',
]

export interface LoggerOptions {
  readonly level: Level | 'silent'
  /** Standard output if it is left out. */
  readonly destination?: DestinationStream
}

/** A logger that writes JSON lines, secrets left out. */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  const options = { level, redact: { paths: SECRETS, censor: '[redacted]' }, base: null }
  return destination === undefined ? pino(options) : pino(options, destination)
}
