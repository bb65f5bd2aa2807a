/** A body in pieces of 64 KiB, as a socket gives it. */
export async function* chunksOf(data: Buffer): AsyncIterable<Uint8Array> {
  for (let start = 0; start < data.byteLength; start += 65_536) yield data.subarray(start, start + 65_536)
}
