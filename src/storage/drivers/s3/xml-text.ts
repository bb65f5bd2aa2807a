/**
 * The text of the first element of that name. What S3 answers is flat, without attributes, comments or CDATA where we
 * look; and a real parser takes 15 ms for a page of 1,000 parts, during which the process does nothing else.
 */
export function elementText(xml: string, name: string): string | undefined {
  const open = `<${name}>`
  const start = xml.indexOf(open)
  if (start === -1) return undefined
  const text = xml.slice(start + open.length, xml.indexOf('<', start + 1))
  return text.includes('&') ? unescape(text) : text
}

/** The inside of every element of that name. */
export function* elementsOf(xml: string, name: string): Iterable<string> {
  const [open, close] = [`<${name}>`, `</${name}>`]
  for (let start = xml.indexOf(open); start !== -1; start = xml.indexOf(open, start)) {
    const end = xml.indexOf(close, start)
    if (end === -1) return
    yield xml.slice(start + open.length, end)
    start = end
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&quot;': '"',
  '&#34;': '"',
  '&apos;': "'",
  '&#39;': "'",
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
}

function unescape(text: string): string {
  return text.replace(/&[#\w]+;/g, (entity) => ENTITIES[entity] ?? entity)
}
