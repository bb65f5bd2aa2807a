const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const

/** A size for people, in the powers of 1024 and with the names that Uppy uses beside it. */
export function formatBytes(bytes: number): string {
  const power = Math.min(bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  const amount = bytes / 1024 ** power
  return `${amount.toFixed(power === 0 || amount >= 10 ? 0 : 1).replace(/\.0$/, '')} ${UNITS[power]}`
}
