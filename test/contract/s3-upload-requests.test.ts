import { faultyS3Targets } from '../support/faulty-s3.ts'
import { s3UploadConnectionSuite } from './s3-upload-connection-suite.ts'
import { s3UploadLateSuite } from './s3-upload-late-suite.ts'

// Each request of an upload, broken in each way. A file of its own, so that it runs beside s3-upload-store.test.ts.
for (const target of faultyS3Targets()) {
  s3UploadConnectionSuite(target)
  s3UploadLateSuite(target)
}
