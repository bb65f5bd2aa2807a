const KEY = '[a-z*][a-z0-9_.*-]*'
const STRING = '"(?:[ !#-[\\]-~]|\\\\["\\\\])*"'
const TOKEN = "[A-Za-z*][\\w!#$%&'*+.^`|~:/-]*"
const NUMBER = '@?-?\\d{1,15}(?:\\.\\d{1,3})?'
const BYTES = ':[A-Za-z0-9+/=]*:'
/** Parameters of an item: allowed everywhere, and without a meaning for us (RFC 9651, 3.1.2). */
const PARAMETERS = `(?:; *${KEY}(?:=(?:${STRING}|${TOKEN}|${NUMBER}|${BYTES}|\\?[01]))?)*`

const COUNT = new RegExp(`^ *(\\d{1,15})${PARAMETERS} *$`)
const BOOLEAN = new RegExp(`^ *\\?([01])${PARAMETERS} *$`)

/** The largest Integer of a structured field. */
const MAX_INTEGER = 999_999_999_999_999

/** A structured field's value that is a non-negative Integer; undefined for any other, which is as if it were not there. */
export function parseCount(text: string | undefined): number | undefined {
  const digits = COUNT.exec(text ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** A structured field's value that is a Boolean; undefined for any other. */
export function parseBoolean(text: string | undefined): boolean | undefined {
  const digit = BOOLEAN.exec(text ?? '')?.[1]
  return digit === undefined ? undefined : digit === '1'
}

export function formatBoolean(value: boolean): string {
  return value ? '?1' : '?0'
}

/** A Dictionary of Integers; members without a value are left out. */
export function formatDictionary(members: Readonly<Record<string, number | undefined>>): string {
  return Object.entries(members)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${Math.min(value, MAX_INTEGER)}`]))
    .join(', ')
}
