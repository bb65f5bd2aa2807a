import type { Deviations } from './s3-probe.ts'

/** Ceph's S3 gateway (RGW) 16.2, as Debian 12 has it. */
const CEPH: Deviations = {
  'the location of a bucket in us-east-1 is empty': {
    seen: /'default' to be ''/,
    why: 'the location is the name of its zone group',
  },
  'a key has at most 1024 bytes of UTF-8': { seen: /InvalidObjectName/, why: 'refused by another code' },
  'Range: what is malformed is ignored': {
    seen: /text: '0123456789'|InvalidRange/,
    why: 'a malformed Range gets all bytes with a Content-Range, a reversed one 416',
  },
  'PutObject If-Match writes only over that ETag': {
    seen: /^PreconditionFailed/,
    why: 'If-Match of a write compares without the quotes, so the ETag as HEAD gives it never matches',
  },
  'PutObject If-Match where nothing is, is NoSuchKey': { seen: /PreconditionFailed/, why: '412 instead' },
  'encryption is accepted, and named by HEAD': {
    seen: /undefined to be 'AES256'/,
    why: 'accepted and ignored: no default key may be set, it would break CopyObject',
  },
  'DeleteObjects without any digest of its body is refused': { seen: /status: 200/, why: 'it wants none' },
  'CopyObject copies only the ETag that it was told to': {
    seen: /\(accepted\)/,
    why: 'x-amz-copy-source-if-match and -none-match are ignored',
  },
  'a body whose CRC32 is that of other bytes is BadDigest': {
    seen: /\(accepted\)/,
    why: 'it knows no checksum but Content-MD5',
  },
  'a body whose SHA-1 or SHA-256 is that of other bytes is BadDigest': {
    seen: /\(accepted\)/,
    why: 'it knows no checksum but Content-MD5',
  },
  'checksums of every kind are verified by S3, kept and given back': {
    seen: /ChecksumCRC32/,
    why: 'it knows no checksum but Content-MD5',
  },
  'a stream whose CRC32 comes behind it (aws-chunked) is stored without its framing': {
    seen: /^MissingContentLength/,
    why: 'trailers came later: clients need requestChecksumCalculation WHEN_REQUIRED',
  },
  'a chunk that is not the one that was signed is refused, and nothing is stored': {
    seen: /status: 400/,
    why: 'refused by another code',
  },
  'CompleteMultipartUpload answers the ETag of the object': { seen: /'' to be/, why: 'its ETag is empty' },
  'parts that Complete does not name are left out': {
    seen: /^InvalidPart/,
    why: 'Complete has to name every part that is there',
  },
  'tags given at CreateMultipartUpload come back': { seen: /undefined to deeply equal/, why: 'dropped' },
  'UploadPartCopy of bytes that are not there is refused': {
    seen: /InvalidRange/,
    why: 'refused by another code',
  },
  'part numbers below 1 and above 10000 are InvalidArgument': {
    seen: /\(accepted\)/,
    why: 'any part number is accepted; those below 1 are not listed then',
  },
  'Complete out of order is InvalidPartOrder': { seen: /\(accepted\)/, why: 'the parts are put in order' },
  'Complete with another size than MpuObjectSize is InvalidRequest': {
    seen: /\(accepted\)/,
    why: 'the header came later',
  },
  'Complete If-None-Match * does not replace an object': { seen: /\(accepted\)/, why: 'it is ignored' },
  'ListParts of a completed upload is NoSuchUpload': { seen: /NoSuchKey/, why: 'NoSuchKey instead' },
  'ListParts of an aborted upload is NoSuchUpload': { seen: /NoSuchKey/, why: 'NoSuchKey instead' },
  'ListParts of an upload that never was, or of another key, is NoSuchUpload': {
    seen: /NoSuchKey/,
    why: 'NoSuchKey instead',
  },
  'Complete of an aborted upload is NoSuchUpload': { seen: /InternalError/, why: '500 instead' },
  'an x-amz- header that was not signed is refused': { seen: /status: 200/, why: 'it is taken' },
  'a presigned URL for more than seven days is refused': { seen: /status: 403/, why: 'by another code' },
}

/** What real servers are known to do otherwise than S3. A line that is no longer true fails the run. */
export const DEVIATIONS: Readonly<Record<string, Deviations>> = { ceph: CEPH }
