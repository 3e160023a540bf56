import { chromium } from 'playwright-core';
const base = process.env.BASE ?? 'http://127.0.0.1:8281';
const b = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless=new','--no-sandbox','--disable-gpu','--disable-background-networking','--hide-scrollbars'] });
// args: name=path[@lang,theme,width]
for (const a of process.argv.slice(2)) {
  const [name, rest] = a.split('::'); const [path, look=''] = rest.split('@@'); const [lang='en',theme='light',w='1280'] = look.split(',').map((x)=>x||undefined);
  const c = await b.newContext({ viewport: { width: +w, height: +w<600?844:900 }, locale: lang==='ko'?'ko-KR':'en-US', colorScheme: theme, timezoneId: 'Europe/Berlin', reducedMotion: 'reduce' });
  const p = await c.newPage();
  p.on('console', (m) => m.type()==='error' && console.log(name, 'console', m.text()));
  p.on('pageerror', (e) => console.log(name, 'error', e.message));
  await p.goto(base + path);
  await p.waitForTimeout(3500);
  const over = await p.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over) console.log(name, 'overflow', over);
  await p.screenshot({ path: `/tmp/rweb/s/${name}.png`, fullPage: true });
  await c.close();
}
await b.close();
