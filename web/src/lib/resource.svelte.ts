import { Problem } from './api/client.ts';

/** Whether each part is there or can't be had: what shows them has its height. */
export function settled(...parts: readonly Pick<Resource<unknown>, 'value' | 'problem'>[]): boolean {
  return parts.every((r) => r.value !== undefined || r.problem !== undefined);
}

/** Data that a page shows: loaded, loaded again while the old data stays visible, or not to be had. */
export class Resource<T> {
  value = $state.raw<T | undefined>(undefined);
  problem = $state.raw<Problem | undefined>(undefined);
  loading = $state(false);
  /** When the data shown was loaded. */
  at = $state.raw<Date | undefined>(undefined);
  #load: (signal: AbortSignal) => Promise<T>;
  #abort: AbortController | undefined;

  constructor(load: (signal: AbortSignal) => Promise<T>) {
    this.#load = load;
  }

  /** Loads the data (again). A load that is still going on is given up. */
  async reload(): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    try {
      const value = await this.#load(abort.signal);
      if (abort.signal.aborted) return;
      this.value = value;
      this.problem = undefined;
      this.at = new Date();
    } catch (cause) {
      if (abort.signal.aborted) return;
      if (!(cause instanceof Problem)) throw cause;
      this.problem = cause;
    } finally {
      if (this.#abort === abort) this.loading = false;
    }
  }

  /** Gives up what is being loaded. */
  stop(): void {
    this.#abort?.abort();
  }
}
