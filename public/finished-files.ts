import { copyText } from './copy-text.ts'
import { formatBytes } from './format-bytes.ts'
import { TEXTS } from './texts.ts'

export interface FinishedFile {
  readonly name: string
  readonly sizeBytes: number
  readonly url: string
}

const STORAGE_KEY = 'tusker:finished'

export interface FinishedFilesOptions {
  /** Has a list and a status line. */
  readonly section: HTMLElement
  /** Whether the server gives the files out: without that, links lead nowhere. */
  readonly downloads: boolean
}

/**
 * Lists what was uploaded, newest first. The link is the only way to a file, so the list outlives a reload of this
 * tab; it does not outlive the tab, for the next person at this computer.
 */
export function createFinishedFiles(options: FinishedFilesOptions): { add(file: FinishedFile): void } {
  const files = readStored()
  render(files, options)
  return {
    add: (file) => {
      files.unshift(file)
      store(files)
      render(files, options)
    },
  }
}

function render(files: readonly FinishedFile[], { section, downloads }: FinishedFilesOptions): void {
  section.hidden = files.length === 0
  const status = section.querySelector('[role=status]')
  const say = (text: string): void => status?.replaceChildren(text)
  section.querySelector('ul')?.replaceChildren(...files.map((file) => createItem(file, downloads, say)))
}

function createItem(file: FinishedFile, downloads: boolean, say: (text: string) => void): HTMLLIElement {
  const item = document.createElement('li')
  item.append(createText('name', file.name), createText('size', formatBytes(file.sizeBytes)))
  if (downloads) item.append(createDownloadLink(file), createCopyButton(file, say))
  return item
}

function createText(className: string, text: string): HTMLSpanElement {
  const span = document.createElement('span')
  span.className = className
  span.textContent = text
  return span
}

function createDownloadLink({ name, url }: FinishedFile): HTMLAnchorElement {
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.textContent = TEXTS.download
  link.setAttribute('aria-label', TEXTS.downloadFile(name))
  return link
}

function createCopyButton({ name, url }: FinishedFile, say: (text: string) => void): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = TEXTS.copyLink
  button.setAttribute('aria-label', TEXTS.copyLinkOf(name))
  button.addEventListener('click', () => {
    void copyText(url).then((copied) => say(copied ? TEXTS.linkCopied(name) : TEXTS.linkNotCopied(url)))
  })
  return button
}

function readStored(): FinishedFile[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? '[]')
    return Array.isArray(stored) ? stored.filter(isFinishedFile) : []
  } catch {
    // A browser that forbids storage costs the list its memory, nothing more.
    return []
  }
}

function store(files: readonly FinishedFile[]): void {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(files))
  } catch {
    // As above.
  }
}

function isFinishedFile(value: unknown): value is FinishedFile {
  if (typeof value !== 'object' || value === null) return false
  const { name, sizeBytes, url } = value as Partial<Record<keyof FinishedFile, unknown>>
  return typeof name === 'string' && typeof sizeBytes === 'number' && typeof url === 'string'
}
