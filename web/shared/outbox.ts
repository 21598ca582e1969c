/** What the buyer has sent and the server has not yet confirmed. Survives a reload of the page, not the tab. */
import type { ClientFrame } from "./protocol";
import type { Store } from "./storage";

export interface OutboxItem {
  /** Unique in the conversation; the server stores a `cid` once however often it is sent. */
  cid: string;
  /** What the buyer typed, or the title of the button that was pressed. */
  text: string;
  button: string | null;
  /** When the buyer pressed send, milliseconds since the epoch. */
  at: number;
  failed: boolean;
}

/** An answer that waited longer than this is for the buyer to send again: it may no longer fit the conversation. */
export const MAX_AGE_MS = 15 * 60_000;

export class Outbox {
  #items: readonly OutboxItem[];

  constructor(
    private readonly store: Store,
    private readonly key: string,
  ) {
    const saved = store.read(key);
    this.#items = Array.isArray(saved) ? saved.filter(isItem) : [];
  }

  /** In the order of sending. A new array after every change. */
  get items(): readonly OutboxItem[] {
    return this.#items;
  }

  add(text: string, button: string | null): OutboxItem {
    const item = { cid: newCid(), text, button, at: Date.now(), failed: false };
    this.#save([...this.#items, item]);
    return item;
  }

  /** Takes out what the server has confirmed; gives it back, or undefined where it was not here. */
  settle(cid: string): OutboxItem | undefined {
    const item = this.#items.find((each) => each.cid === cid);
    if (item) this.#save(this.#items.filter((each) => each !== item));
    return item;
  }

  fail(cid: string): void {
    this.#replace(cid, (item) => ({ ...item, failed: true }));
  }

  /** Makes a failed item one to be sent, as if the buyer pressed send now: it moves to the end. */
  retry(cid: string): OutboxItem | undefined {
    const failed = this.settle(cid);
    if (!failed) return undefined;
    const item = { ...failed, failed: false, at: Date.now() };
    this.#save([...this.#items, item]);
    return item;
  }

  /** What to send now. Items that are too old are marked as failed instead. */
  due(now: number): OutboxItem[] {
    for (const item of this.#items) {
      if (!item.failed && now - item.at > MAX_AGE_MS) this.fail(item.cid);
    }
    return this.#items.filter((item) => !item.failed);
  }

  #replace(cid: string, change: (item: OutboxItem) => OutboxItem): void {
    this.#save(this.#items.map((item) => (item.cid === cid ? change(item) : item)));
  }

  #save(items: readonly OutboxItem[]): void {
    this.#items = items;
    this.store.write(this.key, items.length ? items : null);
  }
}

export function sayFrame(item: OutboxItem): ClientFrame {
  const { cid, text, button } = item;
  return button === null ? { t: "say", cid, text } : { t: "say", cid, button };
}

/** 128 random bits. `crypto.randomUUID` is missing on pages without TLS. */
function newCid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isItem(value: unknown): value is OutboxItem {
  const item = value as Partial<OutboxItem> | null;
  return typeof item?.cid === "string" && typeof item.text === "string" && typeof item.at === "number";
}
