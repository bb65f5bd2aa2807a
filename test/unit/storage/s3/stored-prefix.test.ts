import { expect, test } from 'vitest'
import { StoredPrefix } from '../../../../src/storage/drivers/s3/stored-prefix.ts'

test('parts count only as far as they are stored without a gap, in whatever order they get there', () => {
  const told: number[] = []
  const prefix = new StoredPrefix({ partNumber: 3, offsetBytes: 20 }, (offset) => told.push(offset))
  for (const partNumber of [4, 6, 3, 5])
    prefix.add({ partNumber, sizeBytes: partNumber, etag: `"${partNumber}"` })
  expect(told).toEqual([20 + 3 + 4, 20 + 3 + 4 + 5 + 6])
})
