import { XMLParser } from 'fast-xml-parser'
import { S3Error } from './s3-error.ts'

/** A value that XML can show: text, a number, elements by name, or several of one name. */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [name: string]: XmlValue }

/** A whole document with one root element. */
export function xmlDocument(root: string, content: XmlValue): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, content)}`
}

function element(name: string, value: XmlValue): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.map((item: XmlValue) => element(name, item)).join('')
  const content =
    typeof value === 'object'
      ? Object.entries(value)
          .map(([child, inner]) => element(child, inner))
          .join('')
      : escape(String(value))
  return `<${name}>${content}</${name}>`
}

function escape(text: string): string {
  return (
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      // A parser would take a bare carriage return for a line feed (XML 1.0, 2.11).
      .replaceAll('\r', '&#13;')
  )
}

const parser = new XMLParser({
  parseTagValue: false,
  // A key may begin or end with spaces.
  trimValues: false,
  processEntities: true,
  isArray: (name) => REPEATED.has(name),
})
const REPEATED = new Set(['Part', 'Object', 'Tag'])

/** @throws S3Error MalformedXML */
export function parseXml(body: Buffer): Record<string, unknown> {
  try {
    return parser.parse(body.toString('utf8'), true) as Record<string, unknown>
  } catch {
    throw new S3Error('MalformedXML')
  }
}
