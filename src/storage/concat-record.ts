import { z } from 'zod'
import type { UploadConcat } from '../core/upload.ts'
import { type UploadId, parseUploadId } from '../core/upload-id.ts'

const uploadId = z.string().transform((text, context): UploadId => {
  const id = parseUploadId(text)
  if (id !== undefined) return id
  context.addIssue('is no upload id')
  return z.NEVER
})

/** What the record of an upload says of its part in a concatenation, the same in every storage. */
export const concatRecord = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('partial'), raw: z.string() }),
  z.object({ kind: z.literal('final'), raw: z.string(), partialIds: z.array(uploadId).readonly() }),
]) satisfies z.ZodType<UploadConcat>
