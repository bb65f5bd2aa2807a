import ms, { type StringValue } from 'ms'
import { z } from 'zod'

/** What the documentation says of a setting; kept with its schema, so that there is one source for both. */
export interface SettingFacts {
  readonly description: string
  /** How a value is written: `duration`, `size`, `boolean`, `text` … */
  readonly type: string
  /** As it would be written in the environment. */
  readonly default?: string
  readonly secret?: boolean
  readonly required?: boolean
}

type Parser<Value> = z.ZodType<Value, string>

/** A setting that always has a value. */
export function setting<Value>(value: Parser<Value>, facts: SettingFacts & { readonly default: string }) {
  return z
    .string()
    .optional()
    .transform((text) => text ?? facts.default)
    .pipe(value)
    .meta({ facts })
}

/** A setting that may be left out. */
export function optionalSetting<Value>(value: Parser<Value>, facts: SettingFacts) {
  return value.optional().meta({ facts })
}

/** A setting that must be given. */
export function requiredSetting<Value>(value: Parser<Value>, facts: SettingFacts) {
  return z
    .string({ error: 'is missing' })
    .pipe(value)
    .meta({ facts: { ...facts, required: true } })
}

/** The facts of a setting made here. */
export function factsOf(schema: z.ZodType): SettingFacts | undefined {
  return schema.meta()?.['facts'] as SettingFacts | undefined
}

/** Any text, as it is: a bucket called 20240101 is text too, and a root may have a comma. */
export const text: Parser<string> = z.string()

const TRUE = new Set(['true', '1', 'yes', 'on'])
const FALSE = new Set(['false', '0', 'no', 'off'])

export const boolean: Parser<boolean> = z.string().transform((written, context) => {
  const word = written.trim().toLowerCase()
  if (TRUE.has(word)) return true
  if (FALSE.has(word)) return false
  return fault(context, 'must be true or false')
})

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): Parser<number> {
  return z.string().transform((written, context) => {
    const value = /^\d{1,15}$/.test(written.trim()) ? Number(written.trim()) : Number.NaN
    return value >= min && value <= max
      ? value
      : fault(context, `must be a whole number from ${min} to ${max}`)
  })
}

/** One of `values`. */
export function oneOf<const Value extends string>(values: readonly Value[]): Parser<Value> {
  return z.string().transform((written, context) => {
    const value = values.find((candidate) => candidate === written.trim())
    return value ?? fault(context, `must be one of ${values.join(', ')}`)
  })
}

/** The longest that a Node timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Milliseconds, or a number with a unit, as `ms` reads it: 5000, 5s, 10m, 7d. The result is in milliseconds. */
export const duration: Parser<number> = z.string().transform((written, context) => {
  const value = parseDuration(written.trim())
  return value === undefined
    ? fault(context, 'must be a duration such as 5000 (milliseconds), 5s, 10m or 7d')
    : value
})

/** A duration that a timer can wait: at least a millisecond, at most 24 days. */
export const timeout: Parser<number> = duration.refine((value) => value >= 1 && value <= MAX_TIMER_MS, {
  error: 'must be between 1 millisecond and 24 days',
})

function parseDuration(written: string): number | undefined {
  if (!/^\d+(\.\d+)?\s*[a-z]*$/i.test(written)) return undefined
  const value: unknown = ms(written as StringValue)
  return typeof value === 'number' && Number.isFinite(value) ? Math.round(value) : undefined
}

const SIZE = /^(\d+(?:\.\d+)?)\s*(b|kb|kib|mb|mib|gb|gib|tb|tib)?$/i
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4 }

/** Bytes, or a number with a unit: 5242880, 5mb, 10MiB, 1.5gb. Units are powers of 1,024 either way, as in Directus. */
export const size: Parser<number> = z.string().transform((written, context) => {
  const [, number = '', unit = 'b'] = SIZE.exec(written.trim()) ?? []
  const bytes = Math.round(Number(number) * 1024 ** (SIZE_UNITS[unit.charAt(0).toLowerCase()] ?? 0))
  const isSize = number !== '' && Number.isSafeInteger(bytes)
  return isSize ? bytes : fault(context, 'must be a size such as 5242880 (bytes), 5mb or 1.5gb')
})

/** Comma-separated values, spaces around them dropped, empty ones too. */
export const list: Parser<string[]> = z.string().transform((written) =>
  written
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
)

/** Reports that a value is not valid; what was written is never repeated, since it may be a secret. */
export function fault(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}
