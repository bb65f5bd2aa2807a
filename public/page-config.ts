import { TEXTS } from './texts.ts'

/** A storage location that takes new uploads. */
export interface PageLocation {
  readonly name: string
  /** Absolute URL. */
  readonly endpoint: string
}

/** What the page has to know of its server. */
export interface PageConfig {
  /** Never empty. */
  readonly locations: readonly [PageLocation, ...PageLocation[]]
  readonly defaultLocation: PageLocation
  readonly maxSizeBytes: number | null
  /** Whether finished files can be fetched from their upload URL. */
  readonly downloads: boolean
}

/**
 * Asks the server, below whose path the page is.
 * @throws Error with a message for the person at the page
 */
export async function fetchPageConfig(): Promise<PageConfig> {
  return parsePageConfig(await fetchJson(new URL('page.json', document.baseURI)))
}

async function fetchJson(url: URL): Promise<unknown> {
  try {
    const response = await fetch(url, { cache: 'no-store' })
    if (response.ok) return await response.json()
  } catch (cause) {
    throw new Error(TEXTS.configUnreachable, { cause })
  }
  throw new Error(TEXTS.configUnreachable)
}

function parsePageConfig(json: unknown): PageConfig {
  if (!isRecord(json) || !Array.isArray(json['locations'])) throw new Error(TEXTS.configInvalid)
  const [first, ...others] = json['locations'].map(parseLocation)
  if (first === undefined) throw new Error(TEXTS.noLocation)
  const locations = [first, ...others] as const
  return {
    locations,
    // The default one is not among them while it takes nothing new.
    defaultLocation: locations.find(({ name }) => name === json['defaultLocation']) ?? first,
    maxSizeBytes: typeof json['maxSizeBytes'] === 'number' ? json['maxSizeBytes'] : null,
    downloads: json['downloads'] === true,
  }
}

function parseLocation(json: unknown): PageLocation {
  if (!isRecord(json)) throw new Error(TEXTS.configInvalid)
  const { name, endpoint } = json
  if (typeof name !== 'string' || typeof endpoint !== 'string') throw new Error(TEXTS.configInvalid)
  return { name, endpoint: new URL(endpoint, document.baseURI).href }
}

function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null
}
