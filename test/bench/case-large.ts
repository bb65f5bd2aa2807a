import type { BenchCase, CaseSizes } from './cases.ts'
import type { MetricName } from './metrics.ts'
import type { Load, TestRun } from './test-run.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const PART_SIZE_BYTES = 8 * MIB
const SMALLEST_PART_BYTES = 5 * MIB
const UPLOAD_BUFFER_MEMORY = '128MiB'

const COLUMNS: readonly MetricName[] = [
  'cpuSecondsPerGib',
  'megabytesPerSecond',
  'peakRssMib',
  's3RequestsPerUpload',
  's3BytesPerByte',
  's3Connections',
]

interface Shape {
  readonly uploads: number
  readonly uploadBytes: number
  readonly patchBytes: number
  readonly atOnce: number
}

/** Uploads in which bytes are what costs. */
export function largeCases({ isQuick, hasLarge }: CaseSizes): readonly BenchCase[] {
  const large = isQuick ? 128 * MIB : GIB
  const crowd = isQuick ? 16 : 64
  const crowdBytes = isQuick ? 16 * MIB : 64 * MIB
  const few = isQuick ? 4 : 20
  return [
    {
      ...oneByOne('one-patch', { uploadBytes: large, patchBytes: large, uploads: 1 }),
      title: `${size(large)} in one PATCH`,
      pricedAs: size(large),
    },
    {
      ...oneByOne('8mib-patches', { uploadBytes: large, patchBytes: 8 * MIB, uploads: 1 }),
      title: `${size(large)} in PATCHes of 8 MiB`,
    },
    {
      ...oneByOne('1mib-patches', { uploadBytes: 10 * MIB, patchBytes: MIB, uploads: few }),
      title: `10 MiB in PATCHes of 1 MiB (parts of 5 MiB), ${few} uploads one after the other`,
      columns: [...COLUMNS, 's3MibPerUpload'],
      options: { partSizeBytes: SMALLEST_PART_BYTES },
    },
    {
      ...oneByOne('64mib', { uploadBytes: 64 * MIB, patchBytes: 64 * MIB, uploads: 4 }),
      title: '64 MiB in one PATCH, 4 uploads one after the other',
    },
    ...(hasLarge
      ? [
          {
            ...oneByOne('20gib', { uploadBytes: 20 * GIB, patchBytes: 20 * GIB, uploads: 1 }),
            title: '20 GiB in one PATCH',
          },
        ]
      : []),
    {
      name: 'crowd',
      title: `${crowd} uploads of ${size(crowdBytes)} at once`,
      columns: COLUMNS,
      options: { partSizeBytes: PART_SIZE_BYTES, uploadBufferMemory: UPLOAD_BUFFER_MEMORY },
      run: runShape({ uploads: crowd, uploadBytes: crowdBytes, patchBytes: crowdBytes, atOnce: crowd }),
    },
  ]
}

function oneByOne(name: string, shape: Omit<Shape, 'atOnce'>): Omit<BenchCase, 'title'> {
  return {
    name,
    columns: COLUMNS,
    options: { partSizeBytes: PART_SIZE_BYTES },
    run: runShape({ ...shape, atOnce: 1 }),
  }
}

function runShape(shape: Shape): BenchCase['run'] {
  return async (run) => {
    await run.warmUp()
    return await run.measure(async () => await sendAll(run, shape))
  }
}

async function sendAll(run: TestRun, shape: Shape): Promise<Load> {
  let started = 0
  const sendInTurn = async (): Promise<void> => {
    while (started < shape.uploads) {
      started += 1
      await sendUpload(run, shape)
    }
  }
  await Promise.all(Array.from({ length: shape.atOnce }, sendInTurn))
  return { uploads: shape.uploads, sentBytes: shape.uploads * shape.uploadBytes, isFinished: true }
}

async function sendUpload({ client }: TestRun, { uploadBytes, patchBytes }: Shape): Promise<void> {
  const url = await client.create(uploadBytes)
  for (let offset = 0; offset < uploadBytes; offset += patchBytes) {
    await client.patch(url, offset, Math.min(patchBytes, uploadBytes - offset))
  }
}

function size(bytes: number): string {
  return bytes >= GIB ? `${bytes / GIB} GiB` : `${bytes / MIB} MiB`
}
