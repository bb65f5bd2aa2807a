import { Command, CommanderError } from 'commander'
import { ConfigError, type LoadedConfig, loadConfig } from '../config/load-config.ts'
import { readProcessEnv } from '../config/read-env.ts'
import { listConfig } from './config-command.ts'
import { serve } from './serve-command.ts'

export interface CliOptions {
  /** The words after the program's name. */
  readonly words: readonly string[]
  readonly print: (line: string) => void
  readonly printError: (line: string) => void
  /** Aborted when a running server is to stop. */
  readonly stop: AbortSignal
}

/** 0: done; 1: it failed; 2: the configuration or the command line is not valid. */
export type ExitCode = 0 | 1 | 2

/** Runs the command that `words` name and returns the exit code. */
export async function runCli(options: CliOptions): Promise<ExitCode> {
  try {
    await createProgram(options).parseAsync([...options.words], { from: 'user' })
    return 0
  } catch (error) {
    // Commander has printed what it had to say: help and version are no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    options.printError(error instanceof Error ? error.message : String(error))
    return error instanceof ConfigError ? 2 : 1
  }
}

function createProgram({ print, printError, stop }: CliOptions): Command {
  const program = new Command('tusker')
    .description(
      'Resumable uploads (tus 1.0.0) into the storage you already have. Configured by environment variables.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => print(text.trimEnd()),
      writeErr: (text) => printError(text.trimEnd()),
    })
  program
    .command('serve', { isDefault: true })
    .description('start the server')
    .action(async () => await serve(load(), { print, stop }))
  program
    .command('config')
    .description('check the configuration and list every setting in force, secrets masked')
    .action(() => listConfig(load()).forEach((line) => print(line)))
  return program
}

function load(): LoadedConfig {
  return loadConfig(readProcessEnv())
}
