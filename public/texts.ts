/** Every text that the scripts of this page show; index.html has those that are there from the start. */
export const TEXTS = {
  location: 'Store in',
  configUnreachable: 'The server does not answer, so nothing can be uploaded yet.',
  configInvalid: 'The server gave an answer that this page does not understand.',
  noLocation: 'This server takes no new uploads at the moment.',
  tryAgain: 'Try again',
  download: 'Download',
  downloadFile: (name: string) => `Download ${name}`,
  copyLink: 'Copy link',
  copyLinkOf: (name: string) => `Copy link to ${name}`,
  linkCopied: (name: string) => `The link to ${name} was copied.`,
  linkNotCopied: (url: string) => `The link could not be copied. Here it is: ${url}`,
  maxSize: (size: string) => `Files of up to ${size} each`,
  uploadFailed: (name: string, reason: string) => `${name} was not uploaded. ${reason}`,
  connectionLost: 'The connection was lost. What was sent is kept: press Retry to go on from there.',
  serverSays: (message: string) => `The server says: ${message}.`,
  serverStatus: (status: number) => `The server refused it (HTTP status ${status}).`,
  unknownFault: 'Something went wrong: press Retry to go on from where it stopped.',
} as const

/** What Uppy would say less clearly by itself. */
export const UPPY_STRINGS = {
  exceedsSize: '%{file} is too large: files may have up to %{size}',
  dashboardTitle: 'Upload area',
  sessionRestored: 'Your uploads are still here',
  recoveredAllFiles: 'Press Upload: they go on from where they stopped.',
  // Files that are too large for the browser's store.
  recoveredXFiles: {
    0: 'Choose %{smart_count} file again: its upload goes on from where it stopped.',
    1: 'Choose %{smart_count} files again: their uploads go on from where they stopped.',
  },
} as const
