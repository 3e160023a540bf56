/**
 * Loads again soon after something has happened, but at most once in a while: the first event is followed at once, and many in a row by one
 * load after each `pause` milliseconds. A load that takes longer is waited for.
 */
export function refresher(load: () => Promise<void>, pause = 1000): { soon: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let loading = false;
  let wanted = false;
  let stopped = false;

  async function run(): Promise<void> {
    loading = true;
    wanted = false;
    try {
      await load();
    } finally {
      loading = false;
      if (!stopped) timer = setTimeout(rested, pause);
    }
  }
  function rested(): void {
    timer = undefined;
    if (wanted) void run();
  }
  return {
    soon: () => {
      wanted = true;
      if (!loading && timer === undefined && !stopped) void run();
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
