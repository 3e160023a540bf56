// The name of who decides. It is asked once and kept for the next visit.
const key = 'etfcast.by';

function stored(): string {
  try {
    return localStorage.getItem(key) ?? '';
  } catch {
    return '';
  }
}

let name = $state(stored());

export function who(): string {
  return name;
}

export function setWho(to: string): void {
  name = to.trim();
  try {
    localStorage.setItem(key, name);
  } catch {
    // storage is switched off: the name lasts until the page is closed
  }
}
