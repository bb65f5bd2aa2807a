import type { PageConfig, PageLocation } from './page-config.ts'
import { TEXTS } from './texts.ts'

/** Lets the person choose where files go, if there is a choice. */
export interface LocationPicker {
  chosen(): PageLocation
  onChange(listener: () => void): void
}

export function createLocationPicker(
  container: HTMLElement,
  { locations, defaultLocation }: Pick<PageConfig, 'locations' | 'defaultLocation'>,
): LocationPicker {
  if (locations.length === 1) return { chosen: () => defaultLocation, onChange: () => {} }
  const select = document.createElement('select')
  select.id = 'location-select'
  select.append(...locations.map(({ name }) => new Option(name, name, name === defaultLocation.name)))
  select.value = defaultLocation.name
  const label = document.createElement('label')
  label.htmlFor = select.id
  label.textContent = TEXTS.location
  container.replaceChildren(label, select)
  return {
    chosen: () => locations.find(({ name }) => name === select.value) ?? defaultLocation,
    onChange: (listener) => select.addEventListener('change', listener),
  }
}
