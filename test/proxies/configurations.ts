import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Certificate } from './certificate.ts'
import type { ProxyProgram } from './programs.ts'

const DOCS = fileURLToPath(new URL('../../docs/proxies.md', import.meta.url))

/** How the docs tell to put Tusker below a path of the proxy. */
export type BasePath = 'none' | 'taken off' | 'kept'

export const BASE_PATH = '/api/uploads'

export interface ProxyVariant {
  readonly program: ProxyProgram
  /** nginx's default, which our configuration turns off. */
  readonly isBuffering?: boolean
  readonly basePath?: BasePath
}

export interface Surroundings {
  readonly port: number
  readonly tuskerPort: number
  readonly certificate: Certificate
  /** For whatever it writes. */
  readonly directory: string
}

/** The configuration that docs/proxies.md shows, with ports and files that a test has; everything else is as it is there. */
export function configurationOf(variant: ProxyVariant, surroundings: Surroundings): string {
  const shown = fill(readSnippet(variant.program), [
    ['127.0.0.1:1080', `127.0.0.1:${surroundings.tuskerPort}`],
  ])
  return CONFIGURATIONS[variant.program](shown, variant, surroundings)
}

type Replacement = readonly [shown: string, inTest: string]

const CONFIGURATIONS: Readonly<
  Record<ProxyProgram, (shown: string, variant: ProxyVariant, surroundings: Surroundings) => string>
> = {
  nginx: (shown, { isBuffering = false, basePath = 'none' }, { port, certificate, directory }) => {
    const server = fill(shown, [
      ['listen 443 ', `listen 127.0.0.1:${port} `],
      ['/etc/ssl/certs/uploads.example.com.pem', certificate.certificatePath],
      ['/etc/ssl/private/uploads.example.com.key', certificate.keyPath],
      ['uploads.example.com', 'localhost'],
      ...(isBuffering ? [['proxy_request_buffering off', 'proxy_request_buffering on'] as const] : []),
      ...NGINX_BASE_PATHS[basePath],
    ])
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${join(directory, name)};`,
    )
    return `daemon off;
master_process off;
pid ${join(directory, 'nginx.pid')};
error_log stderr warn;
events {}
http {
access_log off;
${temporary.join('\n')}
${server}
}
`
  },
  haproxy: (shown, { basePath = 'none' }, { port, certificate }) => {
    const rest = fill(shown, [
      ['bind :443 ', `bind 127.0.0.1:${port} `],
      ['/etc/haproxy/uploads.example.com.pem', certificate.bundlePath],
      ...HAPROXY_BASE_PATHS[basePath],
    ])
    return `global\n  log stderr format raw local0 notice\n\n${rest}`
  },
  caddy: (shown, { basePath = 'none' }, { port, certificate }) => {
    const site = fill(shown, [
      [
        'uploads.example.com {',
        `https://localhost:${port} {\n  tls ${certificate.certificatePath} ${certificate.keyPath}`,
      ],
      ...CADDY_BASE_PATHS[basePath],
    ])
    return `{\n  admin off\n  auto_https off\n  default_bind 127.0.0.1\n}\n${site}`
  },
}

const NGINX_BASE_PATHS: Readonly<Record<BasePath, readonly Replacement[]>> = {
  none: [],
  'taken off': [
    ['location / {', `location ${BASE_PATH}/ {`],
    ['proxy_pass http://tusker;', 'proxy_pass http://tusker/;'],
  ],
  kept: [['location / {', `location ${BASE_PATH}/ {`]],
}

const HAPROXY_BASE_PATHS: Readonly<Record<BasePath, readonly Replacement[]>> = {
  none: [],
  'taken off': [['backend tusker\n', `backend tusker\n  http-request replace-path ${BASE_PATH}(/.*) \\1\n`]],
  kept: [],
}

const CADDY_BASE_PATHS: Readonly<Record<BasePath, readonly Replacement[]>> = {
  none: [],
  'taken off': [
    ['  reverse_proxy', `  handle_path ${BASE_PATH}/* {\n  reverse_proxy`],
    ['-Forwarded\n  }', '-Forwarded\n  }\n  }'],
  ],
  kept: [],
}

function readSnippet(program: ProxyProgram): string {
  const snippet = new RegExp(`\`\`\`${program}\n(.*?)\`\`\``, 's').exec(readFileSync(DOCS, 'utf8'))?.[1]
  if (snippet === undefined) throw new Error(`docs/proxies.md has no configuration for ${program}`)
  return snippet
}

/** @throws Error if what is to be replaced is not there: then the docs have changed, and this has to follow */
function fill(text: string, replacements: readonly Replacement[]): string {
  return replacements.reduce((filled, [shown, inTest]) => {
    if (!filled.includes(shown)) throw new Error(`The configuration in docs/proxies.md lacks ${shown}`)
    return filled.replaceAll(shown, () => inTest)
  }, text)
}
