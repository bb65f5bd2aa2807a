import { expect } from 'vitest'
import { OCTET_STREAM } from '../support/tus-test-server.ts'
import type { ProxyBench } from './bench.ts'
import { type Answer, type CLIENTS, type OpenRequest, type ProxyClient, createClient } from './clients.ts'

export const TUS = { 'Tus-Resumable': '1.0.0' }

/** Uploads by one client through one proxy. */
export class ProxiedUploads {
  readonly bench: ProxyBench
  readonly client: ProxyClient

  constructor(bench: ProxyBench, kind: (typeof CLIENTS)[number]) {
    this.bench = bench
    this.client = createClient(kind, bench.address)
  }

  /** The path of a new upload. */
  async create(lengthBytes: number): Promise<string> {
    const answer = await this.client.send('POST', '/files', { ...TUS, 'Upload-Length': String(lengthBytes) })
    expect(answer.status).toBe(201)
    return new URL(String(answer.headers['location'])).pathname
  }

  async openPatch(path: string, offset: number, lengthBytes: number): Promise<OpenRequest> {
    return await this.client.open('PATCH', path, {
      ...TUS,
      'Content-Type': OCTET_STREAM,
      'Upload-Offset': String(offset),
      'Content-Length': String(lengthBytes),
    })
  }

  async patch(path: string, offset: number, bytes: Buffer): Promise<Answer> {
    const request = await this.openPatch(path, offset, bytes.byteLength)
    await request.write(bytes)
    request.end()
    return await request.answer
  }

  async offsetOf(path: string): Promise<number> {
    const head = await this.client.send('HEAD', path, TUS)
    expect(head.status).toBe(200)
    return Number(head.headers['upload-offset'])
  }
}

/** A refusal that has come whole. */
export function expectRefusal(answer: Answer, status: number, code: string): void {
  expect(answer.status).toBe(status)
  expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code } })
}
