import { TEXTS } from './texts.ts'

/** Why an upload failed, for the person who waits for it. `response` is the server's last answer, if there was one. */
export function describeUploadFault(response: unknown): string {
  const xhr = readXhr(response)
  if (xhr === undefined || xhr.status === 0) return TEXTS.connectionLost
  const message = readServerMessage(xhr.responseText)
  return message === undefined ? TEXTS.serverStatus(xhr.status) : TEXTS.serverSays(message)
}

function readXhr(response: unknown): XMLHttpRequest | undefined {
  if (!isRecord(response) || !isRecord(response['body'])) return undefined
  const { xhr } = response['body']
  return xhr instanceof XMLHttpRequest ? xhr : undefined
}

/** Tusker answers `{"error": {"code", "message"}}`; a proxy before it answers whatever it likes. */
function readServerMessage(body: string): string | undefined {
  try {
    const json: unknown = JSON.parse(body)
    const error = isRecord(json) ? json['error'] : undefined
    const message = isRecord(error) ? error['message'] : undefined
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
