import type { Reply } from './reply.ts'
import { xmlDocument } from './xml.ts'

export function errorReply(status: number, code: string, message: string): Reply {
  if (status === 304) return { status }
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: xmlDocument('Error', { Code: code, Message: message, RequestId: 'test' }),
  }
}
