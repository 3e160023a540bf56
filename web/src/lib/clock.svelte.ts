// The time, for countdowns and ages. Whatever reads it is drawn again once a second, as long as somebody reads it.
import { createSubscriber } from 'svelte/reactivity';

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1000);
  return () => clearInterval(timer);
});

export function now(): Date {
  subscribe();
  return new Date();
}
