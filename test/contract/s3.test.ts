import { openS3Location } from '../support/s3-location.ts'
import { createTestBucket, s3Targets } from '../support/s3-servers.ts'
import { concatenationContract } from './concatenation-contract.ts'
import { driverContract } from './driver-contract.ts'
import { verifiedWriteContract } from './verified-write-contract.ts'
import { uploadStoreContract } from './upload-store-contract.ts'

for (const target of s3Targets()) {
  const { name } = target
  for (const root of ['', 'some/folder']) {
    driverContract(`s3 on ${name}, root "${root}"`, async () => {
      const access = await target.open()
      const { bucket, remove } = await createTestBucket(access)
      return {
        driver: await openS3Location(access, bucket, { root }),
        cleanUp: async () => await removeAll(remove, access),
      }
    })
  }

  for (const contract of [uploadStoreContract, verifiedWriteContract, concatenationContract])
    contract(`s3 on ${name}`, async () => {
      const access = await target.open()
      const { bucket, remove } = await createTestBucket(access)
      return {
        openDriver: async () => await openS3Location(access, bucket, { root: 'my uploads/ä+b' }),
        cleanUp: async () => await removeAll(remove, access),
      }
    })
}

async function removeAll(remove: () => Promise<void>, access: { close(): Promise<void> }): Promise<void> {
  await remove()
  await access.close()
}
