export interface SinkObject {
  readonly sizeBytes: number
  /** Undefined for what is too large to keep. */
  readonly body: Buffer | undefined
  /** What a GET or HEAD answers beside the size: user metadata and the content type. */
  readonly headers: Readonly<Record<string, string>>
}

export interface SinkMultipart {
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly partSizes: Map<number, number>
}

export interface OperationCount {
  requests: number
  payloadBytes: number
}

export interface SinkStats {
  readonly operations: Readonly<Record<string, OperationCount>>
  /** TCP connections that were opened to the sink. */
  readonly connections: number
  /** Objects that uploads became: everything but the `.info` and `.part` beside them. */
  readonly finishedObjects: number
  readonly finishedBytes: number
}

const SIDECAR = /\.(?:info|part(?:\.\d+)?)$/

/** What the sink remembers: sizes, records, and what was asked of it. */
export class SinkStore {
  readonly objects = new Map<string, SinkObject>()
  readonly multiparts = new Map<string, SinkMultipart>()
  latencyMs = 0
  connections = 0
  #operations = new Map<string, OperationCount>()
  #finishedObjects = 0
  #finishedBytes = 0
  #nextId = 1

  count(operation: string, payloadBytes: number): void {
    const counted = this.#operations.get(operation)
    if (counted === undefined) {
      this.#operations.set(operation, { requests: 1, payloadBytes })
      return
    }
    counted.requests += 1
    counted.payloadBytes += payloadBytes
  }

  stats(): SinkStats {
    return {
      operations: Object.fromEntries(this.#operations),
      connections: this.connections,
      finishedObjects: this.#finishedObjects,
      finishedBytes: this.#finishedBytes,
    }
  }

  /** Forgets the counts, not the objects: what comes before a measurement must not be in it. */
  resetCounts(): void {
    this.#operations = new Map()
    this.connections = 0
    this.#finishedObjects = 0
    this.#finishedBytes = 0
  }

  putObject(key: string, object: SinkObject): void {
    this.objects.set(key, object)
    if (SIDECAR.test(key)) return
    this.#finishedObjects += 1
    this.#finishedBytes += object.sizeBytes
  }

  createMultipart(key: string, headers: Readonly<Record<string, string>>): string {
    const uploadId = `sink-${this.#nextId}`
    this.#nextId += 1
    this.multiparts.set(uploadId, { key, headers, partSizes: new Map() })
    return uploadId
  }

  /** Makes the object of the parts that are named, as S3 does: those that are not are thrown away. */
  completeMultipart(uploadId: string, partNumbers: readonly number[]): boolean {
    const multipart = this.multiparts.get(uploadId)
    if (multipart === undefined || partNumbers.length === 0) return false
    if (partNumbers.some((partNumber) => !multipart.partSizes.has(partNumber))) return false
    const sizeBytes = partNumbers.reduce((sum, number) => sum + (multipart.partSizes.get(number) ?? 0), 0)
    this.putObject(multipart.key, { sizeBytes, body: undefined, headers: multipart.headers })
    this.multiparts.delete(uploadId)
    return true
  }

  /** Pretends that `parts` parts of one size have been stored in the multipart upload of `key`. */
  seedParts(key: string, parts: number, partSizeBytes: number): boolean {
    const found = [...this.multiparts.values()].find((multipart) => multipart.key === key)
    if (found === undefined) return false
    found.partSizes.clear()
    for (let number = 1; number <= parts; number += 1) found.partSizes.set(number, partSizeBytes)
    return true
  }
}
