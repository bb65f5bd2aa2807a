import { DeleteObjectCommand, ListObjectsV2Command, type ListObjectsV2CommandInput } from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import { type Checks, type Probe, refusalOf } from './s3-probe-context.ts'

/** Writes an object for each name under a new prefix. */
async function folder(s3: Probe, names: readonly string[]): Promise<string> {
  const prefix = `${s3.key()}/`
  for (const name of names) await s3.put(`${prefix}${name}`, name)
  return prefix
}

/** One page, with names as they are behind the prefix. */
async function page(
  { client, bucket }: Probe,
  Prefix: string,
  options: Partial<ListObjectsV2CommandInput> = {},
) {
  const answer = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix, ...options }))
  return {
    keys: (answer.Contents ?? []).map(({ Key = '' }) => Key.slice(Prefix.length)),
    prefixes: (answer.CommonPrefixes ?? []).map((common) => common.Prefix?.slice(Prefix.length)),
    token: answer.NextContinuationToken,
    isTruncated: answer.IsTruncated,
  }
}

/** All pages. */
async function pages(
  s3: Probe,
  prefix: string,
  options: Partial<ListObjectsV2CommandInput>,
): Promise<string[][]> {
  const found: string[][] = []
  let token: string | undefined
  do {
    const next = await page(s3, prefix, { ...options, ...(token && { ContinuationToken: token }) })
    found.push([...next.keys, ...next.prefixes.map(String)])
    token = next.token
  } while (token !== undefined)
  return found
}

export const LISTING_CHECKS = {
  'a listing has the keys that begin with the prefix, with their sizes and ETags': async (s3) => {
    const prefix = await folder(s3, ['a', 'ab/c', 'b'])
    const list = new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: `${prefix}a` })
    const { Contents = [], KeyCount } = await s3.client.send(list)
    expect(KeyCount).toBe(2)
    expect(Contents.map(({ Size }) => Size)).toEqual([1, 4])
    expect(Contents[0]?.ETag).toBe('"0cc175b9c0f1b6a831c399e269772661"')
  },
  'a listing is sorted by the bytes of UTF-8': async (s3) => {
    const names = ['!', 'A', 'a', 'a b', 'a/b', 'aa', 'ä', '\u{ff5e}', '\u{1f600}']
    const prefix = await folder(s3, names.toReversed())
    const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect((await page(s3, prefix)).keys).toEqual(byBytes)
  },
  'what was written is listed at once, what was deleted no more': async (s3) => {
    const prefix = await folder(s3, ['a', 'b'])
    await s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key: `${prefix}a` }))
    expect((await page(s3, prefix)).keys).toEqual(['b'])
  },
  'a delimiter rolls up what is behind it': async (s3) => {
    const prefix = await folder(s3, ['a', 'b/1', 'b/2', 'c/1/2'])
    const listed = await page(s3, prefix, { Delimiter: '/' })
    expect(listed).toMatchObject({ keys: ['a'], prefixes: ['b/', 'c/'], isTruncated: false })
  },
  'StartAfter leaves out what is before': async (s3) => {
    const prefix = await folder(s3, ['a', 'b', 'c'])
    expect((await page(s3, prefix, { StartAfter: `${prefix}a` })).keys).toEqual(['b', 'c'])
  },
  'page by page everything comes once': async (s3) => {
    const prefix = await folder(s3, ['a', 'b', 'c', 'd', 'e'])
    expect(await pages(s3, prefix, { MaxKeys: 2 })).toEqual([['a', 'b'], ['c', 'd'], ['e']])
  },
  'page by page each rolled-up prefix comes once': async (s3) => {
    const prefix = await folder(s3, ['a/1', 'a/2', 'b', 'c/1', 'c/2'])
    const listed = await pages(s3, prefix, { MaxKeys: 1, Delimiter: '/' })
    expect(listed).toEqual([['a/'], ['b'], ['c/']])
  },
  'a page has at most 1000 keys, whatever is asked for': async (s3) => {
    const prefix = `${s3.key()}/`
    const numbers = Array.from({ length: 1005 }, (_, index) => String(index).padStart(4, '0'))
    for (let at = 0; at < numbers.length; at += 40)
      await Promise.all(numbers.slice(at, at + 40).map((number) => s3.put(`${prefix}${number}`, '')))
    const listed = await pages(s3, prefix, { MaxKeys: 5000 })
    expect(listed.map(({ length }) => length)).toEqual([1000, 5])
    expect(listed.flat()).toEqual(numbers)
  },
  'a page of no keys is not truncated': async (s3) => {
    const prefix = await folder(s3, ['a'])
    expect(await page(s3, prefix, { MaxKeys: 0 })).toMatchObject({ keys: [], isTruncated: false })
  },
  'encoding-type=url brings keys percent-encoded': async (s3) => {
    const prefix = await folder(s3, ['ä+b c/d'])
    const list = { Bucket: s3.bucket, Prefix: prefix, EncodingType: 'url' } as const
    const { Contents = [] } = await s3.client.send(new ListObjectsV2Command(list))
    const keys = Contents.map(({ Key = '' }) => Key)
    expect(keys[0]).toMatch(/%C3%A4%2Bb(?:\+|%20)c/)
    // Servers differ in whether they leave slashes as they are.
    expect(keys.map((key) => decodeURIComponent(key.replaceAll('+', ' ')))).toEqual([`${prefix}ä+b c/d`])
  },
  'a listing of a bucket that is not there is NoSuchBucket': async ({ client }) => {
    const list = new ListObjectsV2Command({ Bucket: 'tusker-there-is-no-such-bucket' })
    expect(await refusalOf(client.send(list))).toEqual({ code: 'NoSuchBucket', status: 404 })
  },
} satisfies Checks
