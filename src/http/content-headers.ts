import contentDisposition from 'content-disposition'

const UNKNOWN_TYPE = 'application/octet-stream'

const TOKEN = "[\\w!#$%&'*+.^`|~-]+"
const PARAMETER = `;[ \\t]*(${TOKEN})=(?:${TOKEN}|"[\\w!#$%&'()*+,./:;<=>?@[\\]^\`{|}~ -]*")[ \\t]*`
const MEDIA_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})[ \\t]*((?:${PARAMETER})*)$`)

/**
 * Types that a browser runs or applies when a page of this origin asks for them as a script, style or document. The
 * client chose the type: it must not make its file part of our pages, not even where Content-Disposition is ignored.
 */
const ACTIVE_TYPE = /html|xml|svg|script|css|wasm|manifest|multipart/i

// oxlint-disable-next-line no-control-regex -- control characters are what it removes
const UNSAFE_IN_NAME = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const MAX_NAME_LENGTH = 255

/** A declared type that may be sent as Content-Type; application/octet-stream if it is malformed or active content. */
export function safeContentType(declared: string | undefined): string {
  const match = MEDIA_TYPE.exec(declared?.trim() ?? '')
  const [, type = '', parameters = ''] = match ?? []
  if (match === null || ACTIVE_TYPE.test(type) || hasDuplicates(parameters)) return UNKNOWN_TYPE
  return `${type.toLowerCase()}${parameters.trimEnd()}`
}

/** Content-Disposition: inline only for the types that the operator listed, else a file to be saved under its name. */
export function dispositionOf(
  contentType: string,
  fileName: string | undefined,
  inlineTypes: readonly string[],
): string {
  const [type = ''] = contentType.split(';')
  const isInline = inlineTypes.some((inlineType) => inlineType.toLowerCase() === type.trim())
  const name = fileName && safeFileName(fileName)
  return contentDisposition(name, {
    type: isInline ? 'inline' : 'attachment',
    // Plain ASCII, so that any other name is sent as UTF-8 too: browsers differ over raw ISO 8859-1 bytes.
    fallback: name?.replaceAll(/[^ -~]/g, '?') ?? false,
  })
}

/**
 * A name to save a file under: no folders, no control characters or marks that reverse the direction of text (they
 * hide the real extension), nothing that has no UTF-8 form.
 */
function safeFileName(name: string): string | undefined {
  const base = name.split(/[/\\]/).at(-1) ?? ''
  // Well-formed after the cut, which may leave half a character: encoding one would throw.
  return base.replaceAll(UNSAFE_IN_NAME, '_').slice(0, MAX_NAME_LENGTH).toWellFormed() || undefined
}

function hasDuplicates(parameters: string): boolean {
  const names = [...parameters.matchAll(new RegExp(PARAMETER, 'g'))].map(([, name]) => name?.toLowerCase())
  return new Set(names).size < names.length
}
