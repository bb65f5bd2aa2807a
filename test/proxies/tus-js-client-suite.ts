import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sha256OfUrl, writeSampleFile } from '../support/sample-file.ts'
import { runClient } from '../support/tus-client.ts'
import type { ProxiedUploads } from './proxied-uploads.ts'

const MIB = 1024 ** 2

/** The real client; in Node it speaks HTTP/1.1 only. */
export function tusJsClient(uploads: () => ProxiedUploads): void {
  test.each([undefined, 4 * MIB])(
    'tus-js-client that is killed in the middle of 20 MiB is resumed by a new one (chunks of %s bytes)',
    { timeout: 60_000 },
    async (chunkSize) => {
      const { directory, proxy, app, certificate } = uploads().bench
      const file = await writeSampleFile(join(directory, `file-${chunkSize}`), 20 * MIB)
      const run = {
        endpoint: `${proxy.url}/files`,
        file: file.path,
        urlStore: join(directory, `urls-${chunkSize}.json`),
        trustedCertificate: certificate.certificatePath,
        ...(chunkSize !== undefined && { chunkSize }),
      }
      const killed = await runClient({ ...run, dieAtByte: 11 * MIB })
      expect(killed.succeeded).toBe(false)
      const result = await runClient(run)
      expect([result.resumed, result.succeeded]).toEqual([true, true])
      expect(result.url).toBe(killed.url)
      const { pathname } = new URL(result.url ?? '')
      expect(await sha256OfUrl(app.url + pathname)).toBe(file.sha256)
    },
  )
}
