import './page.css'
import { createFinishedFiles } from './finished-files.ts'
import { createLocationPicker, type LocationPicker } from './location-picker.ts'
import { createNotice, type Notice } from './notice.ts'
import { fetchPageConfig, type PageConfig } from './page-config.ts'
import { TEXTS } from './texts.ts'
import { describeUploadFault } from './upload-fault.ts'
import { createUploader, type Uploader } from './uploader.ts'

const notice = createNotice(elementById('notice'))
keepPageOnDrop()
void start()

async function start(): Promise<void> {
  notice.clear()
  try {
    showUploader(await fetchPageConfig())
  } catch (error) {
    const reason = error instanceof Error ? error.message : TEXTS.configUnreachable
    notice.showWithRetry(reason, () => void start())
  }
}

function showUploader(config: PageConfig): void {
  const finished = createFinishedFiles({ section: elementById('finished'), downloads: config.downloads })
  const picker = createLocationPicker(elementById('location'), config)
  const uppy = createUploader({
    target: elementById('uploader'),
    endpoint: () => picker.chosen().endpoint,
    maxSizeBytes: config.maxSizeBytes,
  })
  picker.onChange(() => moveWaitingFiles(uppy, picker))
  uppy.on('upload-success', (file, { uploadURL }) => {
    if (file === undefined || uploadURL === undefined) return
    finished.add({ name: file.name ?? '', sizeBytes: file.size ?? 0, url: uploadURL })
  })
  showFaults(uppy, notice)
}

/** Files that were chosen before the location was: they have not begun, so they can still go elsewhere. */
function moveWaitingFiles(uppy: Uploader, picker: LocationPicker): void {
  for (const { id, progress } of uppy.getFiles()) {
    if (progress.uploadStarted === null)
      uppy.setFileState(id, { tus: { endpoint: picker.chosen().endpoint } })
  }
}

function showFaults(uppy: Uploader, { show, clear }: Notice): void {
  uppy.on('upload', clear)
  uppy.on('retry-all', clear)
  uppy.on('file-added', clear)
  uppy.on('restriction-failed', (_file, error) => show(error.message))
  uppy.on('upload-error', (file, _error, response) => {
    show(TEXTS.uploadFailed(file?.name ?? '', describeUploadFault(response)))
  })
}

/** A file that is dropped beside the upload area would else be opened in place of this page. */
function keepPageOnDrop(): void {
  for (const type of ['dragover', 'drop']) {
    window.addEventListener(type, (event) => event.preventDefault())
  }
}

function elementById(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`The page has no element "${id}"`)
  return element
}
