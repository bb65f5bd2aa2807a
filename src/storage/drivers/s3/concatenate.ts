import { TuskerError, isTuskerError } from '../../../core/errors.ts'
import { type CallOptions, type ConcatPiece, concatLengthBytes } from '../../../core/upload-store.ts'
import { planConcatenation, type PlannedPart } from './concat-plan.ts'
import { objectContentType } from './content-type.ts'
import { copyPart } from './copy-object.ts'
import { completeChecked } from './finish-upload.ts'
import { type ObjectSlice, gatherPart } from './gather-part.ts'
import { type MultipartUpload, abortMultipartUpload } from './multipart-calls.ts'
import { MAX_UPLOAD_BYTES, minPartBytes } from './part-plan.ts'
import { type PartUpload, PartUploads } from './part-uploads.ts'
import { putObject, uploadPart } from './payload-calls.ts'
import { COMPLETE } from './upload-progress.ts'
import type { UploadContext, UploadState } from './upload-state.ts'

/** Of one concatenation, on their way at once: copies cost us nothing, and what is gathered takes memory. */
const MAX_PARTS_ON_THEIR_WAY = 8

/**
 * Makes the object of a final upload. The bucket copies what it can; only what is too small for a part goes through
 * memory. Nothing is remembered of an attempt that broke off: the next one sends the same parts again.
 * @throws TuskerError ERR_UPLOAD_GONE if a piece, or the multipart upload, is not there any more
 */
export async function concatenate(
  context: UploadContext,
  state: UploadState,
  pieces: readonly ConcatPiece[],
  options: CallOptions,
): Promise<UploadState> {
  const { record } = state
  const lengthBytes = concatLengthBytes(record.info, pieces)
  if (lengthBytes > MAX_UPLOAD_BYTES) throw new TuskerError('ERR_MAX_SIZE_EXCEEDED')
  try {
    const multipart = multipartOf(state)
    if (multipart === undefined || lengthBytes === 0) await putWhole(context, state, pieces, options)
    else await copyInParts(context, multipart, pieces, options)
  } catch (error) {
    if (!isTuskerError(error, 'ERR_OBJECT_NOT_FOUND')) throw error
    throw new TuskerError('ERR_UPLOAD_GONE', {
      cause: error,
      message: 'A part of the upload is not there any more',
    })
  }
  return {
    record: { ...record, info: { ...record.info, lengthBytes } },
    isRecorded: true,
    progress: COMPLETE,
  }
}

function multipartOf({ record: { info, multipartId } }: UploadState): MultipartUpload | undefined {
  return multipartId === undefined ? undefined : { key: info.id, uploadId: multipartId }
}

/** Too little for a part, or nothing: a multipart upload can't make an empty object. */
async function putWhole(
  { bucket }: UploadContext,
  state: UploadState,
  pieces: readonly ConcatPiece[],
  options: CallOptions,
): Promise<void> {
  const { info } = state.record
  const multipart = multipartOf(state)
  if (multipart) await abortMultipartUpload(bucket, multipart, options)
  const slices = pieces.map(({ id, sizeBytes }) => ({ key: id, startBytes: 0, sizeBytes }))
  const buffer = await gatherPart(
    bucket,
    slices.filter(({ sizeBytes }) => sizeBytes > 0),
    options,
  )
  try {
    const contentType = objectContentType(info.metadata)
    await putObject(bucket, info.id, buffer.payload(), { contentType, ...options })
  } finally {
    await buffer.release()
  }
}

async function copyInParts(
  context: UploadContext,
  multipart: MultipartUpload,
  pieces: readonly ConcatPiece[],
  options: CallOptions,
): Promise<void> {
  const { bucket, equalParts, partSizeBytes } = context
  const plan = planConcatenation(
    pieces.map(({ sizeBytes }) => sizeBytes),
    { minPartBytes: minPartBytes(partSizeBytes), partSizeBytes, equalParts },
  )
  const uploads = new PartUploads({ limit: MAX_PARTS_ON_THEIR_WAY, acquireSlot: async () => () => undefined })
  try {
    for (const part of plan) {
      const start = part.isCopied ? startCopy : startGathered
      await uploads.start(await start(context, multipart, { ...part, pieces }, options))
    }
    await completeChecked(bucket, multipart, await uploads.finish(), options)
  } finally {
    await uploads.settle()
  }
}

type PiecesPart = PlannedPart & { readonly pieces: readonly ConcatPiece[] }

async function startCopy(
  { bucket }: UploadContext,
  multipart: MultipartUpload,
  part: PiecesPart,
  options: CallOptions,
): Promise<PartUpload> {
  const [slice] = slicesOf(part)
  const { key = '', startBytes = 0 } = slice ?? {}
  const isWhole = part.sizeBytes === part.pieces[part.slices[0]?.index ?? 0]?.sizeBytes
  const range = isWhole ? undefined : { start: startBytes, end: startBytes + part.sizeBytes - 1 }
  const { partNumber, sizeBytes } = part
  return {
    send: async () => await copyPart(bucket, multipart, { partNumber, from: key, range, sizeBytes }, options),
    release: async () => undefined,
  }
}

/** Its bytes are fetched before the next part is looked at: one at a time is in the making. */
async function startGathered(
  { bucket, acquirePartSlot }: UploadContext,
  multipart: MultipartUpload,
  part: PiecesPart,
  options: CallOptions,
): Promise<PartUpload> {
  const buffer = await gatherPart(bucket, slicesOf(part), options)
  buffer.markSending()
  const numbered = { partNumber: part.partNumber, payload: buffer.payload(), withMd5: true }
  return {
    send: async () => {
      const freeSlot = await acquirePartSlot()
      try {
        return await uploadPart(bucket, multipart, numbered, options)
      } finally {
        freeSlot()
      }
    },
    release: async () => await buffer.release(),
  }
}

function slicesOf({ slices, pieces }: PiecesPart): ObjectSlice[] {
  return slices.flatMap(({ index, startBytes, sizeBytes }) => {
    const piece = pieces[index]
    return piece ? [{ key: piece.id, startBytes, sizeBytes }] : []
  })
}
