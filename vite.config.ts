import { defineConfig } from 'vite'

/** Bundles public/ into dist/page, from where the server serves it. */
export default defineConfig({
  // Relative, so that the page works below whatever path a proxy puts it.
  base: './',
  build: {
    outDir: '../dist/page',
    emptyOutDir: true,
    target: 'es2022',
    // What is inlined becomes a data: URL, which the page's CSP allows for pictures in styles only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The licences of what is bundled travel with it.
    license: { fileName: 'licenses.md' },
  },
})
