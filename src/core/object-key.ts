import { TuskerError } from './errors.ts'

declare const objectKeyBrand: unique symbol

/** A checked key of an object, relative to its location's root: `a/b/c`, no leading slash, no `.` or `..` segment. */
export type ObjectKey = string & { readonly [objectKeyBrand]: true }

/** S3 allows 1,024 bytes of UTF-8 for a whole key (S3 user guide, "Object key naming guidelines"). */
const MAX_KEY_BYTES = 1024

const CONTROL_CHARACTERS = /\p{Cc}/u

/**
 * Turns text into an ObjectKey.
 * @throws TuskerError ERR_INVALID_KEY for traversal, empty segments, backslashes, control characters or more than 1,024 bytes.
 */
export function parseObjectKey(text: string): ObjectKey {
  const fault = faultOf(text)
  if (fault !== undefined) {
    throw new TuskerError('ERR_INVALID_KEY', { message: `The object key ${fault}`, details: { key: text } })
  }
  return text as ObjectKey
}

/** The same for names that others gave: undefined if `text` is no valid key. */
export function findObjectKey(text: string): ObjectKey | undefined {
  return faultOf(text) === undefined ? (text as ObjectKey) : undefined
}

function faultOf(text: string): string | undefined {
  if (text === '') return 'is empty'
  if (Buffer.byteLength(text) > MAX_KEY_BYTES) return `is longer than ${MAX_KEY_BYTES} bytes`
  if (CONTROL_CHARACTERS.test(text)) return 'has a control character'
  if (text.includes('\\')) return 'has a backslash'
  // A lone surrogate has no UTF-8 form: it would be stored under another name than was asked for.
  if (!text.isWellFormed()) return 'is not valid Unicode'
  const segments = text.split('/')
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return 'has an empty, "." or ".." segment'
  }
  return undefined
}
