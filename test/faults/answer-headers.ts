import { type ClientRun, encodeMetadata } from './client-run.ts'
import type { Answer } from './upload-watch.ts'

/** Holds the headers of an answer against tus 1.0.0. */
export function requireSoundAnswer(run: ClientRun, method: string, answer: Answer): void {
  for (const fault of faultsOf(run, method, answer))
    run.watch.violated(`The answer ${answer.status} to ${method} ${fault}`)
}

function* faultsOf(run: ClientRun, method: string, { status, header }: Answer): Iterable<string> {
  if (header('tus-resumable') !== '1.0.0') yield 'has no Tus-Resumable: 1.0.0'
  if (status === 500 && header('content-type')?.includes('html') === true) yield 'is an HTML page'
  if (method === 'HEAD') yield* headFaults(run, { status, header })
  if (method === 'POST' && status === 201 && header('location') === undefined) yield 'has no Location'
  if (method === 'PATCH' && status < 300 && status !== 204) yield 'should be 204'
  if (method === 'PATCH' && status === 204 && header('upload-offset') === undefined) yield 'has no offset'
}

function* headFaults(run: ClientRun, { status, header }: Answer): Iterable<string> {
  if (header('cache-control')?.includes('no-store') !== true) yield 'may be cached'
  if (status !== 200) return
  const sizeBytes = String(run.content.bytes.byteLength)
  const length = header('upload-length')
  if (header('upload-offset') === undefined) yield 'has no Upload-Offset'
  if (length !== undefined && length !== sizeBytes) yield `has Upload-Length ${length}, not ${sizeBytes}`
  if (length === undefined && header('upload-defer-length') !== '1') yield 'says nothing of the length'
  if (header('upload-metadata') !== encodeMetadata()) yield 'has other metadata than the upload'
  const isComplete = length !== undefined && header('upload-offset') === length
  if (!isComplete && header('upload-expires') === undefined) yield 'does not say when the upload expires'
}
