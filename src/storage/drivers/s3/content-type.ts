import { type UploadMetadata, declaredContentType } from '../../../core/upload.ts'

/** `type/subtype` with parameters, in the characters of RFC 9110 section 8.3.1: it becomes a header of the object. */
const CONTENT_TYPE =
  /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\x20\x21\x23-\x7e]*"))*$/

/** The Content-Type of the object; undefined (the store's default) if the client declared none or one that is not a MIME type. */
export function objectContentType(metadata: UploadMetadata): string | undefined {
  const declared = declaredContentType(metadata)?.trim()
  return declared !== undefined && CONTENT_TYPE.test(declared) ? declared : undefined
}
