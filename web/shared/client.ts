/**
 * The buyer's side of a conversation, without any user interface: what was said, what is still on its way, what is new.
 * At least once on the wire, exactly once in `state.messages`.
 */
import { Connection } from "./connection";
import type { ConnectionOptions, ConnectionState } from "./connection";
import { MessageLog } from "./message-log";
import { Outbox, sayFrame } from "./outbox";
import type { OutboxItem } from "./outbox";
import type { Button, ClientFrame, Message, ServerFrame } from "./protocol";
import type { Session, SessionRequest } from "./session";
import { browserStore } from "./storage";
import type { Store } from "./storage";

export interface ChatState {
  connection: ConnectionState;
  /** The history has arrived; what comes from now on is news. */
  loaded: boolean;
  messages: readonly Message[];
  /** Sent by the buyer and not confirmed yet, or failed; they come after all messages. */
  pending: readonly OutboxItem[];
  /** The assistant is working on an answer. */
  typing: boolean;
  /** How many messages of others the buyer has not read. */
  unread: number;
}

export interface ChatOptions extends Pick<
  ConnectionOptions,
  "server" | "token" | "requestToken" | "fetch" | "WebSocket"
> {
  locale?: string | undefined;
  timezone?: string | undefined;
  onChange: () => void;
  /** A message that is new (not history) and not the buyer's own. */
  onMessage?: (message: Message) => void;
  /** Remembers the conversation across tabs and visits. */
  memory?: Store;
  /** Remembers unconfirmed messages across a reload of this tab. */
  tabMemory?: Store;
}

const RESEND_MS = 8_000;
const CATCH_UP_MS = 3_000;
const TYPING_MS = 30_000;
/** Error codes of a frame that may be accepted a little later. */
const PASSING: readonly string[] = ["slow_down", "unavailable"];

export class ChatClient {
  #log = new MessageLog();
  #outbox: Outbox;
  #connection: Connection;
  #memory: Store;
  #key: string;
  #conversation: string | null = null;
  #read = 0;
  #readSent = 0;
  #loaded = false;
  /** On this connection the server has replayed all that was missing. */
  #caughtUp = false;
  #typing = false;
  #state: ChatState | null = null;
  #timers: Partial<Record<"resend" | "catchUp" | "typing", ReturnType<typeof setTimeout>>> = {};

  constructor(private readonly options: ChatOptions) {
    this.#memory = options.memory ?? browserStore(() => localStorage);
    const tabMemory = options.tabMemory ?? browserStore(() => sessionStorage);
    this.#key = `recourse:${options.server}:${subjectOf(options.token)}`;
    this.#outbox = new Outbox(tabMemory, `${this.#key}:outbox`);
    this.#recall();
    this.#connection = new Connection({
      ...options,
      sessionRequest: () => this.#sessionRequest(),
      onConversationGone: () => this.#forget(null),
      onOpen: (session) => this.#opened(session),
      onFrame: (frame) => this.#received(frame),
      onState: () => this.#connectionChanged(),
    });
  }

  /** The same object until something changes. */
  get state(): ChatState {
    return (this.#state ??= {
      connection: this.#connection.state,
      loaded: this.#loaded,
      messages: this.#log.messages,
      pending: this.#outbox.items,
      typing: this.#typing,
      unread: this.#log.messages.filter(({ seq, author }) => seq > this.#read && author !== "buyer").length,
    });
  }

  /** This browser knows a conversation of this buyer, so there may be news in it. */
  get hasConversation(): boolean {
    return this.#conversation !== null;
  }

  start(): void {
    this.#connection.start();
  }

  stop(): void {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#connection.stop();
  }

  retryNow(): void {
    this.#connection.retry();
  }

  /** See Connection.probe. */
  probe(): void {
    this.#connection.probe();
  }

  setToken(token: string): void {
    this.#connection.setToken(token);
  }

  /** Sends what the buyer typed, now or as soon as there is a connection. Blank text is ignored. */
  say(text: string): void {
    if (text.trim()) this.#submit(text.trim(), null);
  }

  press(button: Button): void {
    this.#submit(button.title, button.token);
  }

  /** Sends a failed message again. */
  resend(cid: string): void {
    this.#sendNow(this.#outbox.retry(cid));
  }

  /** Gives up a failed message. */
  discard(cid: string): void {
    this.#outbox.settle(cid);
    this.#changed();
  }

  /** The buyer has seen everything up to now. */
  markRead(): void {
    const last = this.#log.messages.at(-1)?.seq ?? 0;
    if (last <= this.#read) return;
    this.#read = last;
    this.#remember();
    this.#sendRead();
    this.#changed();
  }

  #submit(text: string, button: string | null): void {
    this.#sendNow(this.#outbox.add(text, button));
  }

  #sendNow(item: OutboxItem | undefined): void {
    if (item && this.#caughtUp) {
      this.#send(sayFrame(item));
      this.#planResend();
    }
    this.#changed();
  }

  /** Sends all that is not confirmed, once the replay has shown what the server already has. */
  #flush(): void {
    const due = this.#caughtUp ? this.#outbox.due(Date.now()) : [];
    for (const item of due) this.#send(sayFrame(item));
    if (due.length) this.#planResend();
  }

  #planResend(): void {
    clearTimeout(this.#timers.resend);
    this.#timers.resend = setTimeout(() => this.#flush(), RESEND_MS);
  }

  #send(frame: ClientFrame): void {
    this.#connection.send(frame);
  }

  #sendRead(): void {
    if (!this.#caughtUp || this.#read <= this.#readSent) return;
    this.#readSent = this.#read;
    this.#send({ t: "read", seq: this.#read });
  }

  #sessionRequest(): SessionRequest {
    const { locale, timezone } = this.options;
    return {
      ...(this.#conversation !== null && { conversation: this.#conversation }),
      ...(locale && { locale }),
      ...(timezone && { timezone }),
    };
  }

  #opened({ conversation }: Session): void {
    if (conversation !== this.#conversation) this.#forget(conversation);
    this.#send({ t: "hello", last: this.#log.contiguous });
    // The answer to this ping comes after the replay. A server that does not keep to it costs a short wait only.
    this.#send({ t: "ping" });
    this.#timers.catchUp = setTimeout(() => this.#catchUp(), CATCH_UP_MS);
  }

  #catchUp(): void {
    if (this.#caughtUp) return;
    clearTimeout(this.#timers.catchUp);
    this.#caughtUp = true;
    this.#loaded = true;
    this.#flush();
    this.#sendRead();
    this.#changed();
  }

  #connectionChanged(): void {
    if (this.#connection.state !== "online") {
      clearTimeout(this.#timers.catchUp);
      clearTimeout(this.#timers.resend);
      this.#caughtUp = false;
      this.#readSent = 0;
      this.#typing = false;
    }
    this.#changed();
  }

  #received(frame: ServerFrame): void {
    switch (frame.t) {
      case "ok":
        return this.#confirmed(frame.cid, frame.seq);
      case "event":
        return this.#stored(frame.message);
      case "typing":
        return this.#setTyping(frame.on);
      case "err":
        return this.#rejected(frame);
      case "pong":
        return this.#catchUp();
    }
  }

  #confirmed(cid: string, seq: number): void {
    const item = this.#outbox.settle(cid);
    if (!item) return;
    const at = new Date(item.at).toISOString();
    this.#log.put({ seq, author: "buyer", at, text: item.text, buttons: [], stale: false, cid });
    this.#changed();
  }

  #stored(message: Message): void {
    if (message.cid !== null) this.#outbox.settle(message.cid);
    const isNew = this.#log.put(message);
    if (isNew && message.author !== "buyer") this.#setTyping(false);
    this.#changed();
    if (isNew && this.#loaded && message.author !== "buyer") this.options.onMessage?.(message);
  }

  #rejected({ code, message, cid }: ServerFrame & { t: "err" }): void {
    console.warn(`[recourse] ${message}`);
    // What only came at a bad moment stays in the outbox and is sent again by itself.
    if (cid === null || PASSING.includes(code)) return;
    this.#outbox.fail(cid);
    this.#changed();
  }

  #setTyping(on: boolean): void {
    clearTimeout(this.#timers.typing);
    // Should the end of it get lost, the dots do not stay for ever.
    if (on) this.#timers.typing = setTimeout(() => this.#setTyping(false), TYPING_MS);
    if (on === this.#typing) return;
    this.#typing = on;
    this.#changed();
  }

  #changed(): void {
    this.#state = null;
    this.options.onChange();
  }

  #forget(conversation: string | null): void {
    this.#conversation = conversation;
    this.#log.clear();
    this.#read = 0;
    this.#remember();
  }

  #recall(): void {
    const saved = this.#memory.read(this.#key) as { conversation?: unknown; read?: unknown } | null;
    if (typeof saved?.conversation !== "string") return;
    this.#conversation = saved.conversation;
    this.#read = Number.isSafeInteger(saved.read) ? (saved.read as number) : 0;
  }

  #remember(): void {
    const conversation = this.#conversation;
    this.#memory.write(this.#key, conversation === null ? null : { conversation, read: this.#read });
  }
}

/** The buyer that a token speaks of, to keep the memories of several buyers apart. It is the server that checks it. */
export function subjectOf(token: string): string {
  try {
    const payload = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" ? sub : "";
  } catch {
    return "";
  }
}
