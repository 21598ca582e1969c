/** What the log shows, in order: days, messages in groups, and which answers can still be pressed. Pure functions. */
import type { ChatState } from "../shared/client";
import type { Author, Button, Message } from "../shared/protocol";

export type Delivery = "sending" | "sent" | "failed";

export interface Entry {
  /** The same before and after the server confirms a message, so that it is not rendered anew. */
  key: string;
  author: Author;
  text: string;
  /** Milliseconds since the epoch; NaN where the server's time was unreadable. */
  at: number;
  /** Only on the buyer's own. */
  delivery: Delivery | null;
  cid: string | null;
  /** Buttons that can be pressed now. */
  buttons: readonly Button[];
}

export interface Row extends Entry {
  startsDay: boolean;
  startsGroup: boolean;
  endsGroup: boolean;
}

const GROUP_MS = 5 * 60_000;

/** `dayOf` gives a text that is the same for two times on the same day of the buyer. */
export function timeline(state: ChatState, dayOf: (at: number) => string): Row[] {
  const entries = [...stored(state), ...pending(state)];
  return entries.map((entry, index) => {
    const previous = entries[index - 1];
    const next = entries[index + 1];
    return {
      ...entry,
      startsDay: !previous || dayOf(previous.at) !== dayOf(entry.at),
      startsGroup: !previous || !sameGroup(previous, entry, dayOf),
      endsGroup: !next || !sameGroup(entry, next, dayOf),
    };
  });
}

function stored({ messages, pending: waiting }: ChatState): Entry[] {
  const answered = waiting.some(({ failed }) => !failed) ? Infinity : lastOfBuyer(messages);
  return messages.map(({ seq, author, text, at, buttons, stale, cid }) => ({
    key: cid ?? String(seq),
    author,
    text,
    at: Date.parse(at),
    delivery: author === "buyer" ? "sent" : null,
    cid,
    buttons: stale || seq < answered ? [] : buttons,
  }));
}

function pending({ pending: waiting }: ChatState): Entry[] {
  return waiting.map(({ cid, text, at, failed }) => ({
    key: cid,
    author: "buyer",
    text,
    at,
    delivery: failed ? "failed" : "sending",
    cid,
    buttons: [],
  }));
}

function lastOfBuyer(messages: readonly Message[]): number {
  return messages.reduce((last, { author, seq }) => (author === "buyer" ? seq : last), 0);
}

function sameGroup(first: Entry, second: Entry, dayOf: (at: number) => string): boolean {
  return (
    first.author === second.author &&
    first.delivery === second.delivery &&
    second.at - first.at < GROUP_MS &&
    dayOf(first.at) === dayOf(second.at)
  );
}
