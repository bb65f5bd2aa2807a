import { accessSync, constants } from 'node:fs'
import { type BrowserContext, type ConsoleMessage, type Page, chromium } from 'playwright-core'

const CHROMIUM_PATH = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'

/** Why there is no browser to test with, or undefined if there is one. */
export function whyNoChromium(): string | undefined {
  try {
    accessSync(CHROMIUM_PATH, constants.X_OK)
    return undefined
  } catch {
    return `no Chromium at ${CHROMIUM_PATH}: install it (Debian: apt-get install chromium) or set CHROMIUM_PATH`
  }
}

/** A browser of its own, with an empty profile in `directory` and nothing that talks to the world. */
export async function launchChromium(directory: string): Promise<BrowserContext> {
  return await chromium.launchPersistentContext(directory, {
    executablePath: CHROMIUM_PATH,
    headless: true,
    acceptDownloads: true,
    viewport: { width: 1000, height: 900 },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** A PATCH as the browser sent it. */
interface SentPatch {
  readonly url: string
  readonly offset: number
}

/** What a page did, from its first byte on. */
export interface PageRecord {
  readonly patches: SentPatch[]
  /** Errors on the console and uncaught ones, but for requests that found no connection. */
  readonly faults: string[]
  /** What the content security policy stopped. */
  readonly violations: string[]
}

// Sent as text: it runs in the page, where other types hold.
const REPORT_VIOLATIONS = `
  document.addEventListener('securitypolicyviolation', (event) => {
    reportViolation(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample)
  })
`

/** Opens a page that keeps a record; it goes on over reloads. */
export async function openRecordedPage(context: BrowserContext): Promise<{ page: Page; record: PageRecord }> {
  const record: PageRecord = { patches: [], faults: [], violations: [] }
  const page = await context.newPage()
  await page.exposeFunction('reportViolation', (violation: string) => record.violations.push(violation))
  await page.addInitScript({ content: REPORT_VIOLATIONS })
  page.on('pageerror', (error) => record.faults.push(`uncaught: ${error.stack ?? error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' && !isLostConnection(message)) record.faults.push(message.text())
  })
  page.on('request', (request) => {
    if (request.method() !== 'PATCH') return
    record.patches.push({ url: request.url(), offset: Number(request.headers()['upload-offset']) })
  })
  return { page, record }
}

/** Chromium itself writes this line for any request that the network failed; scripts can't prevent it. */
function isLostConnection(message: ConsoleMessage): boolean {
  return /^Failed to load resource: net::ERR_(?:CONNECTION|EMPTY_RESPONSE|SOCKET)/.test(message.text())
}
