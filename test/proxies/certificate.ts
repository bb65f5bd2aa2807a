import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Certificate {
  readonly certificatePath: string
  readonly keyPath: string
  /** Both in one file, as HAProxy wants them. */
  readonly bundlePath: string
  readonly pem: string
}

/** A certificate for https://localhost that signs itself, in files below `directory`. */
export async function createCertificate(directory: string): Promise<Certificate> {
  const certificatePath = join(directory, 'certificate.pem')
  const keyPath = join(directory, 'key.pem')
  const bundlePath = join(directory, 'bundle.pem')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyPath]
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-days',
    '2',
    ...key,
    ...subject,
    '-out',
    certificatePath,
  ])
  const pem = await readFile(certificatePath, 'utf8')
  await writeFile(bundlePath, pem + (await readFile(keyPath, 'utf8')))
  return { certificatePath, keyPath, bundlePath, pem }
}
