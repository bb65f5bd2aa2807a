declare const uploadIdBrand: unique symbol

/** The id of an upload: 32 lower-case hex digits, 128 random bits, the form that @tus/server gives too. */
export type UploadId = string & { readonly [uploadIdBrand]: true }

// Lower case only: two ids must never meet on a file system that ignores case.
const UPLOAD_ID = /^[0-9a-f]{32}$/

/** A new id from a cryptographic random source. */
export function createUploadId(): UploadId {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16))
  return Buffer.from(bytes).toString('hex') as UploadId
}

/** The id in `text`, or undefined if it is none: checked here, before any path or key is built from it. */
export function parseUploadId(text: string): UploadId | undefined {
  return UPLOAD_ID.test(text) ? (text as UploadId) : undefined
}
