// Copies Swagger UI beside its page: `vite build` empties the folder, so this runs after it. The lines that name source maps are left
// out: the maps are not copied, and a browser's developer tools would ask for them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const from = new URL('../node_modules/swagger-ui-dist/', import.meta.url)
const to = new URL('../../api/assets/docs/', import.meta.url)
const read = (name) => readFileSync(new URL(name, from), 'utf8')

mkdirSync(to, { recursive: true })
for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
  writeFileSync(new URL(name, to), read(name).replace(/^\/[/*]# sourceMappingURL=.*$/m, ''))
}
writeFileSync(new URL('swagger-ui.LICENSE.txt', to), read('LICENSE') + '\n' + read('NOTICE') + read('swagger-ui-bundle.js.LICENSE.txt'))
