import { describe, expect, test } from 'vitest'
import { parseByteRange } from '../../../src/core/byte-range.ts'

describe('a Range header for 10 bytes', () => {
  test.each([
    ['bytes=0-9', { start: 0, end: 9 }],
    ['bytes=3-', { start: 3, end: 9 }],
    ['bytes=9-9', { start: 9, end: 9 }],
    ['bytes=5-99999999999999999999', { start: 5, end: 9 }],
    ['bytes=-1', { start: 9, end: 9 }],
    ['bytes=-99999999999999999999', { start: 0, end: 9 }],
    [' Bytes=1-2 ', { start: 1, end: 2 }],
  ])('%j is a range', (header, range) => {
    expect(parseByteRange(header, 10)).toEqual(range)
  })

  test.each(['bytes=10-', 'bytes=10-11', 'bytes=99999999999999999999-', 'bytes=-0'])(
    '%j is outside',
    (header) => {
      expect(parseByteRange(header, 10)).toBe('unsatisfiable')
    },
  )

  test.each([
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=2-1',
    'bytes=0-1,3-4',
    'bytes=0-1,',
    'items=0-1',
    'bytes=0x1-2',
    'bytes=+1-2',
    'bytes=1 - 2',
  ])('%j is ignored', (header) => {
    expect(parseByteRange(header, 10)).toBe('whole')
  })
})

test('no range lies within an empty file', () => {
  for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) {
    expect(parseByteRange(header, 0)).toBe('unsatisfiable')
  }
})
