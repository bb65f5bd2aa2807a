import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { sha256OfUrl, writeSampleFile } from '../support/sample-file.ts'
import { runClient } from '../support/tus-client.ts'
import { type ProxyBench, openProxyBench } from './bench.ts'
import { CLIENTS, createClient } from './clients.ts'
import { BASE_PATH, type BasePath } from './configurations.ts'
import { PROGRAMS, type ProxyProgram, isLeftOut } from './programs.ts'
import { TUS } from './proxied-uploads.ts'

type Env = (proxyUrl: string) => Readonly<Record<string, string>>

const publicUrl: Env = (proxyUrl) => ({ PUBLIC_URL: proxyUrl + BASE_PATH })
const relative: Env = () => ({ TUS_RELATIVE_LOCATION: 'true' })
const both: Env = (proxyUrl) => ({ ...publicUrl(proxyUrl), ...relative(proxyUrl) })

const WAYS: readonly (readonly [setting: string, basePath: BasePath, env: Env])[] = [
  ['PUBLIC_URL', 'taken off', publicUrl],
  ['PUBLIC_URL', 'kept', publicUrl],
  ['TUS_RELATIVE_LOCATION', 'taken off', relative],
  ['PUBLIC_URL and TUS_RELATIVE_LOCATION', 'kept', both],
]

for (const program of Object.keys(PROGRAMS) as ProxyProgram[]) {
  describe.skipIf(isLeftOut(program))(`below a path of ${program}`, () => {
    let bench: ProxyBench | undefined
    afterEach(() => bench?.close())

    test.each(WAYS)('with %s, a path that is %s: uploads find their way', async (_setting, basePath, env) => {
      bench = await openProxyBench({ program, basePath }, env)
      const { proxy, address, app } = bench
      const endpoint = `${proxy.url}${BASE_PATH}/files`
      for (const kind of CLIENTS) {
        const client = createClient(kind, address)
        const created = await client.send('POST', `${BASE_PATH}/files`, { ...TUS, 'Upload-Length': '5' })
        expect(created.status).toBe(201)
        const { href, pathname } = new URL(String(created.headers['location']), endpoint)
        expect(href).toMatch(new RegExp(`^${endpoint}/local/[0-9a-f]{32}$`))
        const headers = { ...TUS, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' }
        expect((await client.send('PATCH', pathname, headers, Buffer.from('hello'))).status).toBe(204)
        expect((await client.send('GET', pathname)).body.toString()).toBe('hello')
      }
      const file = await writeSampleFile(join(bench.directory, 'file'), 1_000_003)
      const result = await runClient({
        endpoint,
        file: file.path,
        urlStore: join(bench.directory, 'urls.json'),
        trustedCertificate: bench.certificate.certificatePath,
      })
      expect(result.succeeded).toBe(true)
      expect(result.url).toMatch(new RegExp(`^${endpoint}/local/[0-9a-f]{32}$`))
      expect(await sha256OfUrl(`${app.url}${result.url?.slice(proxy.url.length + BASE_PATH.length)}`)).toBe(
        file.sha256,
      )
    })
  })
}
