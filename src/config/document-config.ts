import type { z } from 'zod'
import { DRIVERS, DRIVER_KINDS, type DriverKind } from '../storage/driver-table.ts'
import { type SettingFacts, factsOf } from '../storage/setting-values.ts'
import { LOCATION_SETTINGS, SETTINGS } from './schema.ts'

/** A setting as the documentation shows it. */
interface Documented extends SettingFacts {
  readonly variable: string
}

const NOTICE = 'Written by `npm run docs:config` from the schema of the configuration: change that, not this.'

/** docs/configuration.md */
export function configurationPage(): string {
  const sections = [
    '# Configuration',
    `<!-- ${NOTICE} -->`,
    INTRODUCTION,
    '## Server, uploads and downloads',
    table(generalSettings()),
    '## Storage locations',
    LOCATIONS,
    '### Every location',
    table(locationSettings()),
    ...DRIVER_KINDS.flatMap((kind) => [`### Locations of driver \`${kind}\``, table(driverSettings(kind))]),
    EXAMPLES,
  ]
  return `${sections.join('\n\n')}\n`
}

/** .env.example: everything, commented out at its default. */
export function envExample(): string {
  const groups = [
    generalSettings(),
    [...locationSettings('LOCAL'), ...driverSettings('local', 'LOCAL')],
    [...locationSettings('S3'), ...driverSettings('s3', 'S3')],
  ]
  const blocks = groups.map((settings) => settings.map(exampleLines).join('\n\n'))
  return [
    `# ${NOTICE.replaceAll('`', '')}`,
    '# Copy to .env and take the # off what you want to set.',
    '',
    blocks.join('\n\n'),
    '',
  ].join('\n')
}

function exampleLines({ variable, description, type, default: value = '' }: Documented): string {
  return `# ${description.replaceAll('`', '')} (${type.replaceAll('\\|', '|')})\n# ${variable}=${value}`
}

function generalSettings(): Documented[] {
  return documented(SETTINGS, (name) => name)
}

function locationSettings(location = '<LOC>'): Documented[] {
  const driver = {
    variable: `STORAGE_${location}_DRIVER`,
    type: DRIVER_KINDS.join(' \\| '),
    required: true,
    description: 'Where the location is. A location called `local` is `local` if it says nothing.',
  }
  return [driver, ...documented(LOCATION_SETTINGS, (name) => `STORAGE_${location}_${name}`)]
}

function driverSettings(kind: DriverKind, location = '<LOC>'): Documented[] {
  return documented(DRIVERS[kind].schema.in.shape, (name) => `STORAGE_${location}_${name}`)
}

function documented(schemas: z.core.$ZodShape, variableOf: (name: string) => string): Documented[] {
  return Object.entries(schemas).flatMap(([name, schema]) => {
    const facts = factsOf(schema as z.ZodType)
    return facts === undefined ? [] : [{ ...facts, variable: variableOf(name) }]
  })
}

function table(settings: readonly Documented[]): string {
  const rows = settings.map(
    (setting) =>
      `| \`${setting.variable}\` | ${setting.type} | ${defaultOf(setting)} | ${setting.description} |`,
  )
  return ['| variable | value | default | what it is |', '|---|---|---|---|', ...rows].join('\n')
}

function defaultOf({ required, default: value }: Documented): string {
  if (required === true) return 'required'
  return value === undefined || value === '' ? '–' : `\`${value.replaceAll(',', ', ')}\``
}

const INTRODUCTION = `Everything is set by environment variables; a file called \`.env\` in the working directory fills in what the
environment does not set. \`tusker config\` shows what is in force, secrets masked.

- Any variable can end in \`_FILE\` and name a file that holds the value; a newline at its end is not part of it.
- A duration is a number of milliseconds or has a unit: \`5000\`, \`5s\`, \`10m\`, \`7d\`. A size is a number of bytes or has a
  unit: \`5242880\`, \`5mb\`, \`1.5gb\` (1 mb = 1,048,576 bytes). Booleans are \`true\` and \`false\` in any case, also \`1\`,
  \`0\`, \`yes\`, \`no\`, \`on\`, \`off\`. Lists are separated by commas; spaces around them do not matter.
- A variable that is set to nothing counts as not set.
- If anything is wrong, the server says all of it at once, does not start, and exits with code 2.`

const LOCATIONS = `\`STORAGE_LOCATIONS\` names them; \`STORAGE_<LOC>_*\` configures each, where \`<LOC>\` is its name in capitals with \`_\` for
\`-\`. New uploads go to the default location unless the client chooses another by its URL, \`/files/<location>\`. Every
upload's URL names its location, so uploads survive a change of the default. A variable that no location knows is warned
of, with the nearest name that there is.`

const EXAMPLES = `## Providers

The values that differ; \`KEY\` and \`SECRET\` as the provider gives them. The names are those of Directus.

| provider | settings |
|---|---|
| Amazon S3 | \`BUCKET\`, \`REGION\`, \`KEY\`, \`SECRET\` |
| Amazon S3 with an IAM role | \`BUCKET\`, \`REGION\`; no \`KEY\`, no \`SECRET\` |
| Amazon S3, encrypted | \`SERVER_SIDE_ENCRYPTION=AES256\`, or \`aws:kms\` with \`SERVER_SIDE_ENCRYPTION_KMS_KEY_ID\` |
| Amazon S3, public files | \`ACL=public-read\` (records and tails beside the files get it too) |
| DigitalOcean Spaces | \`ENDPOINT=nyc3.digitaloceanspaces.com\`, \`REGION=nyc3\` |
| Cloudflare R2 | \`ENDPOINT=https://<account>.r2.cloudflarestorage.com\`, \`REGION=auto\` |
| Backblaze B2 | \`ENDPOINT=s3.us-west-004.backblazeb2.com\`, \`REGION=us-west-004\` |
| MinIO, Ceph and others of your own | \`ENDPOINT=http://s3.example.com:9000\`, \`FORCE_PATH_STYLE=true\` |`
