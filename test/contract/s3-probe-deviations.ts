import type { Deviations } from './s3-probe.ts'

/** What real servers are known to do otherwise than S3. A line that is no longer true fails the run. */
export const DEVIATIONS: Readonly<Record<string, Deviations>> = {
  ceph: {},
}
