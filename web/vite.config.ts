import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// `npm run dev` serves the sources and passes requests for data on to a running etfcast.
const server = process.env['ETFCAST_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../api/assets',
    emptyOutDir: true,
    assetsDir: 'app',
    assetsInlineLimit: 0, // the Content-Security-Policy allows no data: scripts or fonts
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: Object.fromEntries(['/v1', '/openapi.json', '/version', '/readyz', '/docs'].map((path) => [path, { target: server, changeOrigin: true }])),
  },
});
