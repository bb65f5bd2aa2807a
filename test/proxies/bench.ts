import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { type Certificate, createCertificate } from './certificate.ts'
import type { ProxyAddress } from './clients.ts'
import type { ProxyVariant } from './configurations.ts'
import { type RunningProxy, findFreePort, startProxy } from './start-proxy.ts'

/** A Tusker, a proxy in front of it, and what a client needs to reach that. */
export interface ProxyBench {
  readonly app: RunningApp
  readonly proxy: RunningProxy
  readonly address: ProxyAddress
  readonly directory: string
  readonly certificate: Certificate
  close(): Promise<void>
}

/** @param env variables of Tusker, which may depend on the URL of the proxy */
export async function openProxyBench(
  variant: ProxyVariant,
  env: (proxyUrl: string) => Readonly<Record<string, string>>,
): Promise<ProxyBench> {
  const directory = await mkdtemp(join(tmpdir(), 'tusker-proxy-'))
  const certificate = await createCertificate(directory)
  const port = await findFreePort()
  const app = await startApp({ env: env(`https://localhost:${port}`) })
  const proxy = await startProxy(variant, {
    port,
    tuskerPort: app.port,
    certificate,
    directory: join(directory, variant.program),
  }).catch(async (error: unknown) => {
    await app.close()
    await rm(directory, { recursive: true, force: true })
    throw error
  })
  return {
    app,
    proxy,
    address: { port, ca: certificate.pem },
    directory,
    certificate,
    close: async () => {
      await proxy.stop()
      await app.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
