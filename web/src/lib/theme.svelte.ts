import { language } from './i18n.svelte.ts';

export type Theme = 'light' | 'dark';

let current = $state<Theme>(document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'light');

export function theme(): Theme {
  return current;
}

export function setTheme(to: Theme): void {
  current = to;
  document.documentElement.dataset['theme'] = to;
  try {
    localStorage.setItem('etfcast.theme', to);
  } catch {
    // storage is switched off: the choice lasts until the page is closed
  }
}

/** The value of a colour of the theme, for what is drawn on a canvas. Reading it makes the caller follow the theme and the language. */
export function color(name: string): string {
  void [current, language()];
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
