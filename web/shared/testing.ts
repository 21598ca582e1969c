/** For tests: a gateway in memory that speaks contract 1, and can be told to misbehave. */
import type { Author, Button } from "./protocol";
import type { Store } from "./storage";

type Frame = Record<string, unknown>;
export type Stored = {
  seq: number;
  author: Author;
  at: string;
  text: string;
  buttons: Button[];
  stale?: boolean;
  cid?: string;
};

export class FakeSocket {
  readyState = 0;
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  readonly sent: Frame[] = [];

  constructor(
    readonly url: string,
    readonly protocols: string[],
    private readonly server: FakeServer,
  ) {}

  send(data: string): void {
    const frame = JSON.parse(data) as Frame;
    this.sent.push(frame);
    this.server.receive(this, frame);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  /** A frame from the server. */
  push(frame: Frame): void {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The server or the network ends the connection. */
  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  readonly sessionCalls: { token: string; body: Frame }[] = [];
  readonly log: Stored[] = [];
  /** Answers of `POST /v1/session`, first to last; afterwards every call succeeds. */
  readonly sessionAnswers: (Response | Error)[] = [];
  conversation = "c1";
  expiresInMs = 600_000;
  acceptSockets = true;
  answerPings = true;
  /** Stores what the buyer says but loses the `ok`. */
  loseOks = false;
  /** Does not even store it. */
  ignoreSays = false;

  readonly WebSocket: typeof WebSocket;

  constructor() {
    const create = (url: string, protocols: string[]): FakeSocket => this.#connect(url, protocols);
    this.WebSocket = function (url: string, protocols: string[]) {
      return create(url, protocols);
    } as unknown as typeof WebSocket;
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  readonly fetch = (async (_url: string, init: RequestInit) => {
    const token = new Headers(init.headers).get("Authorization")!.replace("Bearer ", "");
    this.sessionCalls.push({ token, body: JSON.parse(String(init.body)) as Frame });
    const answer = this.sessionAnswers.shift() ?? this.#session();
    if (answer instanceof Error) throw answer;
    return answer;
  }) as unknown as typeof fetch;

  /** Stores a message and pushes it to the open socket. */
  post(author: Author, text: string, more: Partial<Stored> = {}): Stored {
    const stored = { seq: this.log.length + 1, author, at: "2026-03-01T10:00:00Z", text, buttons: [], ...more };
    this.log.push(stored);
    if (this.sockets.length) this.socket.push({ t: "event", ...stored });
    return stored;
  }

  receive(socket: FakeSocket, frame: Frame): void {
    if (frame["t"] === "hello") {
      for (const stored of this.log) if (stored.seq > Number(frame["last"])) socket.push({ t: "event", ...stored });
    }
    if (frame["t"] === "ping" && this.answerPings) socket.push({ t: "pong" });
    if (frame["t"] === "say" && !this.ignoreSays) this.#say(socket, frame);
  }

  #say(socket: FakeSocket, frame: Frame): void {
    const cid = String(frame["cid"]);
    const known = this.log.find((stored) => stored.cid === cid);
    const text = String(frame["text"] ?? frame["button"]);
    const stored = known ?? {
      seq: this.log.length + 1,
      author: "buyer" as const,
      at: "2026-03-01T10:00:00Z",
      text,
      buttons: [],
      cid,
    };
    if (!known) this.log.push(stored);
    if (this.loseOks) return;
    socket.push({ t: "ok", cid, seq: stored.seq });
    if (!known) socket.push({ t: "event", ...stored });
  }

  #connect(url: string, protocols: string[]): FakeSocket {
    const socket = new FakeSocket(url, protocols, this);
    this.sockets.push(socket);
    if (this.acceptSockets) setTimeout(() => socket.open(), 10);
    return socket;
  }

  #session(): Response {
    const body = {
      conversation: this.conversation,
      token: `socket-token-${this.sessionCalls.length}`,
      expires_at: new Date(Date.now() + this.expiresInMs).toISOString(),
      socket: "/v1/socket",
      buyer: { name: "Ada" },
    };
    return Response.json(body, { status: 201 });
  }
}

export function refusal(status: number, headers: Record<string, string> = {}): Response {
  return Response.json({ error: { code: "no", message: "Do this instead." } }, { status, headers });
}

export function memoryStore(): Store & { readonly values: Map<string, unknown> } {
  const values = new Map<string, unknown>();
  return {
    values,
    read: (key) => structuredClone(values.get(key) ?? null),
    write: (key, value) => void (value === null ? values.delete(key) : values.set(key, structuredClone(value))),
  };
}

/** A token with this subject; nobody here checks its signature. */
export function tokenOf(subject: string): string {
  return `e30.${btoa(JSON.stringify({ sub: subject })).replace(/=/g, "")}.x`;
}
