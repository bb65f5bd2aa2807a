import { z } from 'zod'
import { setting, text } from '../../setting-values.ts'

/** The options of a `local` location, named as in `STORAGE_<LOC>_*`. */
export const localOptionsSchema = z
  .object({
    ROOT: setting(text, {
      type: 'path',
      default: './data',
      description:
        'Directory for the files; it is created if it is not there. Relative to the working directory.',
    }),
  })
  .transform(({ ROOT }) => ({ root: ROOT }))

export type LocalOptions = Readonly<z.output<typeof localOptionsSchema>>
