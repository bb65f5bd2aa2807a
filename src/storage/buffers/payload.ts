/** Bytes to send, as often as it takes. */
export interface Payload {
  readonly sizeBytes: number
  /**
   * The bytes, from the first on. What is yielded one by one is good until the next is asked for, what is iterated at
   * once until the payload's owner frees it.
   */
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

export function payloadOf(bytes: Buffer | string): Payload {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
  return { sizeBytes: buffer.byteLength, chunks: () => (buffer.byteLength === 0 ? [] : [buffer]) }
}
