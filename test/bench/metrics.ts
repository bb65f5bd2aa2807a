interface MetricStyle {
  readonly title: string
  readonly digits: number
  /** Whether the rounds differ so much that their range belongs beside the median. */
  readonly hasRange?: boolean
}

/** What can be measured in a case; each case says which of them mean something in it. */
export const METRICS = {
  cpuSecondsPerGib: { title: 'CPU s/GiB', digits: 2, hasRange: true },
  cpuMsPerUpload: { title: 'CPU ms/upload', digits: 2, hasRange: true },
  megabytesPerSecond: { title: 'MB/s', digits: 0 },
  uploadsPerSecond: { title: 'uploads/s', digits: 0 },
  latencyP50Ms: { title: 'p50 ms', digits: 1 },
  latencyP99Ms: { title: 'p99 ms', digits: 1 },
  latencyMaxMs: { title: 'max ms', digits: 1 },
  stalledUploads: { title: 'stalled', digits: 0 },
  clientsRead: { title: 'clients read', digits: 0 },
  wallMs: { title: 'wall ms', digits: 0 },
  roundTrips: { title: 'round trips', digits: 1 },
  peakRssMib: { title: 'peak RSS MiB', digits: 0 },
  tempDirPeakMib: { title: 'temp dir MiB', digits: 1 },
  tempDirFiles: { title: 'temp files', digits: 0 },
  s3RequestsPerUpload: { title: 'S3 req/upload', digits: 1 },
  s3MibPerUpload: { title: 'MiB to S3/upload', digits: 3 },
  s3BytesPerByte: { title: 'bytes to S3/byte', digits: 2 },
  s3Connections: { title: 'S3 connections', digits: 0 },
} as const satisfies Readonly<Record<string, MetricStyle>>

export function styleOf(name: MetricName): MetricStyle {
  return METRICS[name]
}

export type MetricName = keyof typeof METRICS

export type Metrics = Readonly<Partial<Record<MetricName, number>>>

export interface Measurement {
  readonly metrics: Metrics
  readonly cpuSeconds: number
  /** Requests to S3, by operation, for one upload. */
  readonly requestsPerUpload: Readonly<Record<string, number>>
}

/** A run that could not be made: never a figure, always a reason. */
interface Unable {
  readonly unable: string
}

export type Outcome = Measurement | Unable

export function isMeasured(outcome: Outcome): outcome is Measurement {
  return 'metrics' in outcome
}
