/** The conversation as far as this client has it: each `seq` once, in order, whatever the order of arrival. */
import type { Message } from "./protocol";

export class MessageLog {
  #messages: readonly Message[] = [];
  #contiguous = 0;

  /** Sorted by `seq`. A new array after every change. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** Highest `seq` up to which nothing is missing: what to ask the server to continue from. */
  get contiguous(): number {
    return this.#contiguous;
  }

  /** Adds a message; true when its `seq` is new. A known `seq` is brought up to date (buttons that became stale). */
  put(message: Message): boolean {
    const position = this.#position(message.seq);
    const known = this.#messages[position]?.seq === message.seq;
    const before = this.#messages.slice(0, position);
    const after = this.#messages.slice(known ? position + 1 : position);
    this.#messages = [...before, message, ...after];
    this.#advance();
    return !known;
  }

  clear(): void {
    this.#messages = [];
    this.#contiguous = 0;
  }

  /** Index of the first message with this `seq` or a later one; looks from the end, where nearly all arrive. */
  #position(seq: number): number {
    let index = this.#messages.length;
    while (index > 0 && this.#messages[index - 1]!.seq >= seq) index -= 1;
    return index;
  }

  #advance(): void {
    for (const { seq } of this.#messages) {
      if (seq === this.#contiguous + 1) this.#contiguous = seq;
    }
  }
}
