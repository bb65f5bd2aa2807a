/** AWS list prices of S3 Standard in us-east-1, in USD for one request (deleting and aborting is free). */
const WRITE_USD = 0.005 / 1000
const READ_USD = 0.0004 / 1000

/** PUT, COPY, POST and LIST cost one price, GET and HEAD another. */
const PRICES_USD: Readonly<Record<string, number>> = {
  PutObject: WRITE_USD,
  CopyObject: WRITE_USD,
  CreateMultipartUpload: WRITE_USD,
  UploadPart: WRITE_USD,
  UploadPartCopy: WRITE_USD,
  CompleteMultipartUpload: WRITE_USD,
  ListParts: WRITE_USD,
  ListObjectsV2: WRITE_USD,
  ListMultipartUploads: WRITE_USD,
  GetObject: READ_USD,
  HeadObject: READ_USD,
  HeadBucket: READ_USD,
  DeleteObject: 0,
  DeleteObjects: 0,
  AbortMultipartUpload: 0,
}

/** What S3 asks for the requests of a million uploads, given those of one. */
export function usdPerMillionUploads(requestsPerUpload: Readonly<Record<string, number>>): number {
  const usd = Object.entries(requestsPerUpload).map(([operation, requests]) => requests * priceOf(operation))
  return 1e6 * usd.reduce((sum, price) => sum + price, 0)
}

function priceOf(operation: string): number {
  const price = PRICES_USD[operation]
  if (price === undefined) throw new Error(`No price is known for ${operation}`)
  return price
}
