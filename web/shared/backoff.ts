/** How long to wait before the next attempt: doubles from half a second to thirty, half of it random. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** `attempt` counts from 0, `random` is in [0, 1); the result is in milliseconds. */
export function backoff(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + random / 2));
}
