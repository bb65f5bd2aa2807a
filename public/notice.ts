import { TEXTS } from './texts.ts'

/** The line for faults: it stays until it is cleared, unlike the pop-up that Uppy shows for five seconds. */
export interface Notice {
  readonly show: (text: string) => void
  /** With a button below it. */
  readonly showWithRetry: (text: string, retry: () => void) => void
  readonly clear: () => void
}

export function createNotice(container: HTMLElement): Notice {
  const show = (text: string, ...others: HTMLElement[]): void => {
    const line = document.createElement('p')
    line.className = 'notice'
    line.textContent = text
    container.replaceChildren(line, ...others)
  }
  return {
    show,
    showWithRetry: (text, retry) => show(text, createRetryButton(retry)),
    clear: () => container.replaceChildren(),
  }
}

function createRetryButton(retry: () => void): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = TEXTS.tryAgain
  button.addEventListener('click', retry)
  return button
}
