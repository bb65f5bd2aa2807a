import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDriver } from '../../src/storage/drivers/local/driver.ts'
import { concatenationContract } from './concatenation-contract.ts'
import { driverContract } from './driver-contract.ts'
import { verifiedWriteContract } from './verified-write-contract.ts'
import { uploadStoreContract } from './upload-store-contract.ts'

async function directory(): Promise<{ root: string; cleanUp: () => Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'tusker-local-'))
  return { root, cleanUp: async () => await rm(root, { recursive: true, force: true }) }
}

driverContract('local', async () => {
  const { root, cleanUp } = await directory()
  return { driver: await openDriver({ root }), cleanUp }
})

for (const contract of [uploadStoreContract, verifiedWriteContract, concatenationContract])
  contract('a local location', async () => {
    const { root, cleanUp } = await directory()
    return { openDriver: async () => await openDriver({ root }), cleanUp }
  })
