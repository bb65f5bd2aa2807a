import { accessSync, constants } from 'node:fs'

/** Where Debian puts them. */
export const PROGRAMS = {
  nginx: '/usr/sbin/nginx',
  haproxy: '/usr/sbin/haproxy',
  caddy: '/usr/bin/caddy',
} as const

export type ProxyProgram = keyof typeof PROGRAMS

/** Whether there is no such program. In CI nothing may be left out: there its tests fail. */
export function isLeftOut(program: ProxyProgram): boolean {
  return process.env['TUSKER_TEST_ALL'] === undefined && MISSING.has(program)
}

const MISSING = new Set(
  Object.keys(PROGRAMS).filter((program) => !isExecutable(PROGRAMS[program as ProxyProgram])),
)
if (MISSING.size > 0) {
  const names = [...MISSING].join(' ')
  console.warn(`Tests behind real proxies are skipped: install ${names} (Debian: apt-get install ${names})`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
