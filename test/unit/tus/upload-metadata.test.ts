import { describe, expect, test } from 'vitest'
import { parseUploadMetadata } from '../../../src/tus/upload-metadata.ts'

describe('CR-04: Upload-Metadata', () => {
  test.each([
    [undefined, {}],
    ['', {}],
    ['a YQ==', { a: 'a' }],
    ['a YQ==,b Yg==', { a: 'a', b: 'b' }],
    ['a YQ==, b Yg==', { a: 'a', b: 'b' }],
    ['flag', { flag: null }],
    ['flag ,a YQ==', { flag: null, a: 'a' }],
    ['filename w7xiZXIg8J+ShQ==', { filename: 'über 💅' }],
    ['constructor YQ==,toString Yg==', { constructor: 'a', toString: 'b' }],
  ])('%j is read', (header, metadata) => {
    expect({ ...parseUploadMetadata(header) }).toEqual(metadata)
  })

  test('a key of __proto__ is data and nothing else', () => {
    const metadata = parseUploadMetadata('__proto__ YQ==')
    expect(Object.entries(metadata)).toEqual([['__proto__', 'a']])
    expect(metadata['toString']).toBeUndefined()
  })

  test.each([
    ['a YQ==,a YQ==', 'twice'],
    ['__proto__ YQ==,__proto__ YQ==', 'twice'],
    ['a YQ==,,b YQ==', 'a key is empty'],
    ['a YQ==,', 'a key is empty'],
    ['a b c', 'more than a key and a value'],
    ['a YQ', 'not Base64'],
    ['a Y*==', 'not Base64'],
    ['a _-8=', 'not Base64'],
  ])('%j is refused, and the fault named', (header, fault) => {
    expect(() => parseUploadMetadata(header)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_METADATA', message: expect.stringContaining(fault) }),
    )
  })
})
