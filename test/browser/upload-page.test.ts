import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type CutProxy, startCutProxy } from '../support/cut-proxy.ts'
import { type SampleFile, writeSampleFile } from '../support/sample-file.ts'
import { type RunningServer, startServer } from '../support/start-server.ts'
import { type PageRecord, launchChromium, openRecordedPage, whyNoChromium } from './chromium.ts'

const MIB = 1024 ** 2
const FILE_BYTES = 30 * MIB
/** Slow enough that a cut in the middle is one, whatever the machine. */
const BYTES_PER_SECOND = 6 * MIB

// In CI nothing may be left out: there the tests fail without a browser.
const reasonToSkip = process.env['TUSKER_TEST_ALL'] === undefined ? whyNoChromium() : undefined
if (reasonToSkip !== undefined) console.warn(`The browser tests are skipped: ${reasonToSkip}`)

describe.skipIf(reasonToSkip)('the upload page', { timeout: 60_000 }, () => {
  let directory: string
  let server: RunningServer
  let proxy: CutProxy
  let browser: BrowserContext
  let page: Page
  let record: PageRecord
  let file: SampleFile

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tusker-page-'))
    file = await writeSampleFile(join(directory, 'größe – Σ.bin'), FILE_BYTES)
    server = await startServer({ cwd: directory, env: {} })
    proxy = await startCutProxy(server.port)
  })

  afterAll(async () => {
    await proxy?.close()
    await server?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  beforeEach(async () => {
    proxy.restore()
    proxy.setBytesPerSecond(Infinity)
    browser = await launchChromium(await mkdtemp(join(directory, 'profile-')))
    ;({ page, record } = await openRecordedPage(browser))
  })

  afterEach(async () => {
    await browser?.close()
    expectNoFaults()
  })

  function expectNoFaults(): void {
    expect(record.violations).toEqual([])
    expect(record.faults).toEqual([])
  }

  const button = (name: string | RegExp) => page.getByRole('button', { name })
  const finished = () => page.getByRole('region', { name: 'Finished files' }).getByRole('listitem')

  async function chooseFile(path: string): Promise<void> {
    await page.locator('input.uppy-Dashboard-input').first().setInputFiles(path)
  }

  /** Ends with a part of the file on the server, and the rest on its slow way. */
  async function sendAThird(): Promise<void> {
    proxy.setBytesPerSecond(BYTES_PER_SECOND)
    const before = proxy.bytesToServer()
    await button(/^Upload 1 file/).click()
    await vi.waitFor(() => expect(proxy.bytesToServer() - before).toBeGreaterThan(FILE_BYTES / 3), 30_000)
  }

  async function expectWholeDownload(sent: SampleFile): Promise<void> {
    const link = finished()
      .first()
      .getByRole('link', { name: `Download ${basename(sent.path)}` })
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
    expect(download.suggestedFilename()).toBe(basename(sent.path))
    expect(await sha256OfFile(await download.path())).toBe(sent.sha256)
  }

  function expectResumed(): void {
    const [first, ...others] = record.patches
    expect(first?.offset).toBe(0)
    expect(others.length).toBeGreaterThan(0)
    for (const { url, offset } of others) {
      expect(url).toBe(first?.url)
      expect(offset).toBeGreaterThan(0)
    }
  }

  test('goes on by itself from where it stopped when the network comes back', async () => {
    await page.goto(proxy.url)
    await chooseFile(file.path)
    await sendAThird()
    proxy.cut()
    expect(await finished().count()).toBe(0)
    proxy.setBytesPerSecond(Infinity)
    proxy.restore()

    await finished().first().waitFor()
    expectResumed()
    await expectWholeDownload(file)
  })

  test('goes on after a reload, without the file being chosen again', async () => {
    await page.goto(proxy.url)
    await chooseFile(file.path)
    await sendAThird()
    proxy.cut()
    proxy.restore()
    await page.reload()

    await button('Resume upload')
      .or(button(/^Upload 1 file/))
      .first()
      .click()
    await finished().first().waitFor()
    expectResumed()
    await expectWholeDownload(file)
  })

  test('goes on from where it was paused', async () => {
    await page.goto(proxy.url)
    await chooseFile(file.path)
    await sendAThird()
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    proxy.setBytesPerSecond(Infinity)
    await page.getByRole('button', { name: 'Resume', exact: true }).click()
    await finished().first().waitFor()
    expectResumed()
    await expectWholeDownload(file)
  })

  test('takes a file that is dropped on it, and keeps it when the list is cleared', async () => {
    await page.goto(proxy.url)
    await dropFile(page, file.path)
    await button(/^Upload 1 file/).click()
    await finished().first().waitFor()
    await button('Done').click()
    await expectWholeDownload(file)
  })

  test('can be used with the keyboard alone', async () => {
    const small = await writeSampleFile(join(directory, 'notes.txt'), 1000)
    await page.goto(proxy.url)
    const chooser = page.waitForEvent('filechooser')
    await tabTo(button('browse files'))
    await page.keyboard.press('Enter')
    await (await chooser).setFiles(small.path)
    await tabTo(button(/^Upload 1 file/))
    await page.keyboard.press('Enter')
    await finished().first().waitFor()
    await tabTo(button('Copy link to notes.txt'))
    await page.keyboard.press('Enter')
    await page.getByText('The link to notes.txt was copied.').waitFor()
    await expectWholeDownload(small)
  })

  async function tabTo(target: ReturnType<Page['locator']>): Promise<void> {
    await target.waitFor()
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press('Tab')
      const isThere = await target.evaluateAll(
        ([element]) => element === element?.ownerDocument.activeElement,
      )
      if (isThere) return
    }
    throw new Error('Tab does not get there')
  }

  test.each(['größe ½.txt', "it's; 100%.txt", '文件.txt'])('gives %s back under its name', async (name) => {
    const small = await writeSampleFile(join(directory, name), 10)
    await page.goto(proxy.url)
    await chooseFile(small.path)
    await button(/^Upload 1 file/).click()
    await finished().first().waitFor()
    await expectWholeDownload(small)
  })

  test('fits the width of a phone', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    await page.goto(proxy.url)
    await chooseFile(file.path)
    await button(/^Upload 1 file/).click()
    await finished().first().waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
  })

  test('says so when the server cannot be reached, and tries again when asked', async () => {
    await page.route('**/page.json', (route) => route.abort('connectionrefused'), { times: 1 })
    await page.goto(proxy.url)
    await page.getByRole('alert').getByText('The server does not answer').waitFor()
    await button('Try again').click()
    await button('browse files').waitFor()
    expect(await page.getByText('The server does not answer').count()).toBe(0)
  })

  test('asks for no location when there is one only', async () => {
    await page.goto(proxy.url)
    await button('browse files').waitFor()
    expect(await page.getByRole('combobox').count()).toBe(0)
  })

  describe('of a server with two locations and a size limit', () => {
    let limited: RunningServer

    beforeAll(async () => {
      limited = await startServer({
        cwd: directory,
        env: {
          STORAGE_LOCATIONS: 'first,second',
          STORAGE_FIRST_DRIVER: 'local',
          STORAGE_FIRST_ROOT: './first',
          STORAGE_SECOND_DRIVER: 'local',
          STORAGE_SECOND_ROOT: './second',
          FILES_MAX_UPLOAD_SIZE: '1mb',
        },
      })
    })

    afterAll(async () => {
      await limited?.stop()
    })

    test('stores a file where the person wants it, chosen before or after the file', async () => {
      const small = await writeSampleFile(join(directory, 'small.bin'), 5000)
      await page.goto(limited.url)
      await chooseFile(small.path)
      await page.getByLabel('Store in').selectOption('second')
      await button(/^Upload 1 file/).click()
      await finished().first().waitFor()
      expect(record.patches[0]?.url).toMatch(`${limited.url}/files/second/`)
      await expectWholeDownload(small)
    })

    test('refuses a file that is too large before a byte of it is sent', async () => {
      const requests: string[] = []
      page.on('request', (request) => requests.push(request.method()))
      await page.goto(limited.url)
      await chooseFile(file.path)
      await page.locator('#notice').getByText('is too large: files may have up to 1').waitFor()
      expect(await button(/^Upload/).count()).toBe(0)
      expect(requests.filter((method) => method !== 'GET')).toEqual([])
    })

    test('says in words why the server refused a file', async () => {
      await page.route('**/page.json', async (route) => {
        const json: unknown = await (await route.fetch()).json()
        await route.fulfill({ json: { ...(json as object), maxSizeBytes: null } })
      })
      await page.goto(limited.url)
      await chooseFile(file.path)
      await button(/^Upload 1 file/).click()
      await page.getByText('was not uploaded. The server says: The upload is larger than').waitFor()
      // The browser writes it on the console, and so does Uppy.
      expect(record.faults.splice(0).filter((fault) => !fault.includes('413'))).toEqual([])
    })
  })
})

/** As a person does it: files from the desktop, dropped with the mouse. */
async function dropFile(page: Page, path: string): Promise<void> {
  const box = await page.locator('.uppy-Dashboard-inner').boundingBox()
  if (box === null) throw new Error('There is nothing to drop on')
  const point = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
  const data = { items: [], files: [path], dragOperationsMask: 1 }
  const devTools = await page.context().newCDPSession(page)
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await devTools.send('Input.dispatchDragEvent', { type, ...point, data })
  }
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
