import { type DestinationStream, type LevelWithSilent, type Logger, pino, stdTimeFunctions } from 'pino'
import { serializeError } from './serialize-error.ts'

export interface LoggerOptions {
  readonly level: LevelWithSilent
  /** Standard output if not given. */
  readonly destination?: DestinationStream
}

/** Names under which a secret may turn up in what is logged, at the top or up to two levels down. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  '["set-cookie"]',
  '["x-amz-security-token"]',
  'password',
  'secret',
  'secretAccessKey',
  'sessionToken',
  'credentials',
  'token',
]

/** The log of the whole process: JSON lines, errors without vendor internals, secrets blotted out. */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    redact: { paths: SECRET_NAMES.flatMap(pathsTo), censor: '[redacted]' },
    serializers: { err: (error: unknown) => serializeError(error) },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

function pathsTo(name: string): string[] {
  const step = name.startsWith('[') ? name : `.${name}`
  return [name, `*${step}`, `*.*${step}`]
}
