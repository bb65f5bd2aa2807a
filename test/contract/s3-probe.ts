import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { S3Target } from '../support/s3-servers.ts'
import { BUCKET_CHECKS } from './s3-probe-buckets.ts'
import { BODY_CHECKS } from './s3-probe-bodies.ts'
import { type Checks, type Probe, openProbe } from './s3-probe-context.ts'
import { COPY_CHECKS } from './s3-probe-copies.ts'
import { LISTING_CHECKS } from './s3-probe-listings.ts'
import { MULTIPART_CHECKS } from './s3-probe-multipart.ts'
import { MULTIPART_REFUSAL_CHECKS } from './s3-probe-multipart-refusals.ts'
import { OBJECT_CHECKS } from './s3-probe-objects.ts'
import { SIGNATURE_CHECKS } from './s3-probe-signatures.ts'

/** How a server is known to differ from S3 in one check. */
interface Deviation {
  /** What the check then says. */
  readonly seen: RegExp
  readonly why: string
}

const CHECKS = {
  ...BUCKET_CHECKS,
  ...OBJECT_CHECKS,
  ...COPY_CHECKS,
  ...BODY_CHECKS,
  ...MULTIPART_CHECKS,
  ...MULTIPART_REFUSAL_CHECKS,
  ...LISTING_CHECKS,
  ...SIGNATURE_CHECKS,
}

export type Deviations = { readonly [Sentence in keyof typeof CHECKS]?: Deviation }

/** Says what S3 does, in sentences, of one server; a known deviation has to be there as the table says. */
export function s3Probe(target: S3Target, deviations: Deviations): void {
  describe(`S3, by ${target.name}`, () => {
    let s3: Probe
    let close: () => Promise<void>

    beforeAll(async () => {
      ;({ s3, close } = await openProbe(() => target.open()))
    })

    afterAll(() => close())

    test.each(casesOf(deviations))('%s', async (_title, check, deviation) => {
      await expectOutcome(check(s3), deviation)
    })
  })
}

type Case = readonly [title: string, check: Checks[string], deviation: Deviation | undefined]

function casesOf(deviations: Deviations): Case[] {
  return Object.entries<Checks[string]>(CHECKS).map(([sentence, check]) => {
    const deviation: Deviation | undefined = deviations[sentence as keyof typeof CHECKS]
    return [deviation === undefined ? sentence : `${sentence} [not here: ${deviation.why}]`, check, deviation]
  })
}

async function expectOutcome(check: Promise<void>, deviation: Deviation | undefined): Promise<void> {
  if (deviation === undefined) await check
  else await expectDeviation(check, deviation)
}

/** The check has to fail, and as the table says: else the table is out of date. */
async function expectDeviation(check: Promise<void>, { seen }: Deviation): Promise<void> {
  const failure = await check.then(() => 'The check holds: take it out of the table of deviations', String)
  expect(failure).toMatch(seen)
}
