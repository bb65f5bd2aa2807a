import {
  type CompleteMultipartUploadCommandInput,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { Probe } from './s3-probe-context.ts'

/** The least that a part before the last may have. */
export const PART = 5 * 1024 ** 2

export interface SentPart {
  readonly PartNumber: number
  readonly ETag: string
}

/** A multipart upload under way. */
export interface Multipart {
  readonly target: { readonly Bucket: string; readonly Key: string; readonly UploadId: string }
  readonly part: (PartNumber: number, Body: Buffer) => Promise<SentPart>
  readonly complete: (
    parts: readonly SentPart[],
    more?: Partial<CompleteMultipartUploadCommandInput>,
  ) => Promise<string>
  /** `number:size` of each part that is there. */
  readonly listed: () => Promise<string[]>
}

export async function beginMultipart(
  { client, bucket: Bucket, key }: Probe,
  options: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<Multipart> {
  const at = { Bucket, Key: options.Key ?? key() }
  const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ ...options, ...at }))
  const target = { ...at, UploadId }
  return {
    target,
    part: async (PartNumber, Body) => {
      const { ETag = '' } = await client.send(new UploadPartCommand({ ...target, PartNumber, Body }))
      return { PartNumber, ETag }
    },
    complete: async (parts, more) => {
      const MultipartUpload = { Parts: [...parts] }
      const complete = new CompleteMultipartUploadCommand({ ...target, MultipartUpload, ...more })
      return (await client.send(complete)).ETag ?? ''
    },
    listed: async () => {
      const { Parts = [] } = await client.send(new ListPartsCommand(target))
      return Parts.map(({ PartNumber, Size }) => `${PartNumber}:${Size}`)
    },
  }
}
