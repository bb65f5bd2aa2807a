import { writeFile } from 'node:fs/promises'
import { configurationPage, envExample } from '../src/config/document-config.ts'

// Writes what is documented from the schema of the configuration; test/unit/config/documents.test.ts says when it is due.
const root = new URL('../', import.meta.url)
await writeFile(new URL('docs/configuration.md', root), configurationPage())
await writeFile(new URL('.env.example', root), envExample())
