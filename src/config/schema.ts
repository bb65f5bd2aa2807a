import { Cron } from 'croner'
import proxyAddr from 'proxy-addr'
import { z } from 'zod'
import {
  boolean,
  duration,
  fault,
  integer,
  list,
  oneOf,
  optionalSetting,
  setting,
  size,
  text,
  timeout,
} from '../storage/setting-values.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const EXPIRATION_MODES = ['absolute', 'sliding'] as const

const LOCATION_MODES = ['rw', 'drain', 'ro'] as const

/** Types that no browser runs scripts from; everything else is downloaded, never shown. */
const INLINE_TYPES =
  'image/png,image/jpeg,image/gif,image/webp,image/avif,video/mp4,video/webm,audio/mpeg,audio/ogg,audio/wav,text/plain'

/** Documents that can carry scripts or forms: shown inline they would run on this server's origin. */
const ACTIVE_TYPE = /html|xml|svg|javascript|ecmascript|pdf|flash|\*/i

const publicUrl = text.transform((written, context) => {
  const url = URL.canParse(written.trim()) ? new URL(written.trim()) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    return fault(context, 'must be an absolute URL such as https://uploads.example.com')
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '') {
    return fault(context, 'must not have a query, a fragment or credentials')
  }
  return url.href.replace(/\/+$/, '')
})

const cronOrOff = text.transform((written, context) => {
  const expression = written.trim()
  if (expression.toLowerCase() === 'off') return undefined
  try {
    new Cron(expression, { paused: true }).stop()
    return expression
  } catch {
    return fault(context, 'must be a cron expression such as "0 * * * *", or off')
  }
})

const expiration = text.transform((written, context) => {
  if (['never', '0'].includes(written.trim().toLowerCase())) return undefined
  const parsed = duration.safeParse(written)
  if (parsed.success && parsed.data >= 1000) return parsed.data
  return fault(context, 'must be a duration of at least a second such as 12h or 7d, or never')
})

const retention = text.transform((written, context) => {
  if (written.trim().toLowerCase() === 'never') return undefined
  const parsed = duration.safeParse(written)
  return parsed.success ? parsed.data : fault(context, 'must be a duration such as 0, 12h or 7d, or never')
})

const origins = text.transform((written, context) => {
  const known = boolean.safeParse(written)
  if (known.success) return known.data
  const values = written
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  if (values.includes('*')) return fault(context, 'must not have *: write true to allow every origin')
  const wrong = values.filter((value) => !URL.canParse(value) || new URL(value).origin !== value)
  if (wrong.length === 0) return values
  return fault(context, `must list origins such as https://app.example.com (no path): ${wrong.join(', ')}`)
})

const trustProxy = text.transform((written, context) => {
  const word = written.trim()
  const known = /^\d+$/.test(word) ? undefined : boolean.safeParse(word)
  if (known?.success === true) return known.data
  if (/^\d{1,2}$/.test(word)) return Number(word)
  const addresses = word.split(',').map((address) => address.trim())
  try {
    proxyAddr.compile(addresses)
    return addresses
  } catch {
    return fault(
      context,
      'must be true, false, a number of proxies, or addresses and subnets such as 10.0.0.0/8,loopback',
    )
  }
})

const inlineTypes = list.refine((types) => !types.some((type) => ACTIVE_TYPE.test(type)), {
  error: 'must not have types that can run scripts (html, svg, xml, pdf, javascript) or wildcards',
})

const bufferMemory = size.refine((bytes) => bytes >= 8 * 1024 ** 2, { error: 'must be at least 8 MiB' })

/** Every setting outside of the locations, in the order of the documentation. */
export const SETTINGS = {
  HOST: setting(text, {
    type: 'address',
    default: '127.0.0.1',
    description:
      'Address to listen on. The default can be reached from this machine only, since whoever reaches the server may upload; the container image sets 0.0.0.0.',
  }),
  PORT: setting(integer(0, 65_535), {
    type: 'number',
    default: '1080',
    description: 'Port to listen on; 0 takes a free one.',
  }),
  PUBLIC_URL: optionalSetting(publicUrl, {
    type: 'URL',
    description:
      'How clients reach this server, where that is not what their requests say: the start of every upload URL. A proxy may keep its path in what it passes on, or take it off.',
  }),
  TUS_RELATIVE_LOCATION: setting(boolean, {
    type: 'boolean',
    default: 'false',
    description:
      'Tell clients the URL of a new upload relative to the URL that they used, which is right behind any proxy.',
  }),
  IP_TRUST_PROXY: setting(trustProxy, {
    type: 'boolean, number or list',
    default: 'false',
    description:
      'Which proxies in front are believed in Forwarded, X-Forwarded-For, -Proto and -Host: their addresses, or how many they are. true believes everybody, and is for a proxy that overwrites these headers.',
  }),
  SHUTDOWN_TIMEOUT: setting(timeout, {
    type: 'duration',
    default: '30s',
    description: 'How long running requests may take to store what they received after SIGTERM.',
  }),
  BODY_IDLE_TIMEOUT: setting(timeout, {
    type: 'duration',
    default: '60s',
    description: 'How long an upload may send nothing before its request is ended; what arrived is kept.',
  }),
  LOG_LEVEL: setting(oneOf(LOG_LEVELS), {
    type: LOG_LEVELS.join(' \\| '),
    default: 'info',
    description: 'What is logged.',
  }),
  CORS_ENABLED: setting(boolean, {
    type: 'boolean',
    default: 'true',
    description: 'Let pages of other origins upload.',
  }),
  CORS_ORIGIN: setting(origins, {
    type: 'boolean or list',
    default: 'true',
    description: 'Origins that may: true for all of them, false for none, or a list.',
  }),
  CORS_CREDENTIALS: setting(boolean, {
    type: 'boolean',
    default: 'false',
    description: 'Let them send cookies; needs a list of origins.',
  }),
  CORS_ALLOWED_HEADERS: setting(list, {
    type: 'list',
    default: '',
    description: 'Request headers that they may send beside those of tus.',
  }),
  CORS_EXPOSED_HEADERS: setting(list, {
    type: 'list',
    default: '',
    description: 'Response headers that they may read beside those of tus.',
  }),
  CORS_MAX_AGE: setting(integer(0, 31_536_000), {
    type: 'number of seconds',
    default: '86400',
    description: 'How long a browser may keep the answer to a preflight.',
  }),
  FILES_MAX_UPLOAD_SIZE: optionalSetting(size, {
    type: 'size',
    description: 'Largest upload; unlimited if unset (S3: 5 TiB).',
  }),
  UPLOAD_BUFFER_MEMORY: optionalSetting(bufferMemory, {
    type: 'size',
    description:
      "Memory for bytes on their way into S3, of all uploads together; at least 8 MiB. If unset, a quarter of the container's (or the machine's) memory, 64 MiB to 1 GiB.",
  }),
  UPLOAD_SPILL_DIRECTORY: optionalSetting(text, {
    type: 'path',
    description:
      "Where bytes go that find no room in UPLOAD_BUFFER_MEMORY; the system's directory for temporary files if unset.",
  }),
  TUS_UPLOAD_EXPIRATION: setting(expiration, {
    type: 'duration or never',
    default: '7d',
    description: 'How long an unfinished upload can be resumed. Finished ones never expire.',
  }),
  TUS_UPLOAD_EXPIRATION_MODE: setting(oneOf(EXPIRATION_MODES), {
    type: EXPIRATION_MODES.join(' \\| '),
    default: 'absolute',
    description:
      'From when TUS_UPLOAD_EXPIRATION counts. absolute: the creation of the upload. sliding: the last time that bytes of it were stored.',
  }),
  TUS_PARTIAL_RETENTION: setting(retention, {
    type: 'duration or never',
    default: '1d',
    description:
      'How long a partial upload is kept after it was put into a final one (concatenation), for clients that use it again; 0 removes it at once.',
  }),
  TUS_CLEANUP_SCHEDULE: setting(cronOrOff, {
    type: 'cron expression or off',
    default: '0 * * * *',
    description: 'When expired uploads are removed, in the time zone of the server.',
  }),
  RUFH_INFORMATIONAL: setting(boolean, {
    type: 'boolean',
    default: 'false',
    description:
      'Send 104 responses to clients of the IETF protocol, which lets them resume an upload that was cut in its first request. Not every proxy passes them on: see docs/ietf.md.',
  }),
  LOCK_TIMEOUT: setting(timeout, {
    type: 'duration',
    default: '20s',
    description: 'How long a request waits for another one on the same upload to let go.',
  }),
  DOWNLOADS_ENABLED: setting(boolean, {
    type: 'boolean',
    default: 'true',
    description: 'Serve finished uploads at their upload URL.',
  }),
  DOWNLOADS_INLINE_TYPES: setting(inlineTypes, {
    type: 'list of MIME types',
    default: INLINE_TYPES,
    description: 'Types that a browser may show; all others are saved as files.',
  }),
  STORAGE_LOCATIONS: setting(list, {
    type: 'list',
    default: 'local',
    description: 'Names of the storage locations: letters, digits, `_` and `-`.',
  }),
  STORAGE_DEFAULT_LOCATION: optionalSetting(text, {
    type: 'text',
    description: 'Where new uploads go; the first of STORAGE_LOCATIONS if unset.',
  }),
} as const

/** The settings that every location has, whatever its driver: `STORAGE_<LOC>_*`. */
export const LOCATION_SETTINGS = {
  MODE: setting(oneOf(LOCATION_MODES), {
    type: LOCATION_MODES.join(' \\| '),
    default: 'rw',
    description:
      'rw: everything. drain: open uploads may be finished, new ones are refused. ro: reading only.',
  }),
} as const

export const settingsSchema = z
  .object(SETTINGS)
  .refine(({ CORS_CREDENTIALS, CORS_ORIGIN }) => !(CORS_CREDENTIALS && CORS_ORIGIN === true), {
    path: ['CORS_ORIGIN'],
    error: 'must list origins when CORS_CREDENTIALS is true: cookies are not for every page on the web',
    when: () => true,
  })
