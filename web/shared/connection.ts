/** One live socket to the gateway: signs in, connects, notices when the line is dead and connects again. */
import { backoff } from "./backoff";
import { CLOSE_SIGN_IN, CLOSE_SLOW_DOWN, SUBPROTOCOL, parseFrame } from "./protocol";
import type { ClientFrame, ServerFrame } from "./protocol";
import { SessionError, startSession } from "./session";
import type { Session, SessionRequest } from "./session";

/**
 * idle: not started. connecting: on the way. online: the server has answered. waiting: the line broke, the next attempt
 * is planned. offline: the same, and the browser says that there is no network. signed-out: the shop's token is not
 * accepted. refused: the server does not serve this page.
 */
export type ConnectionState = "idle" | "connecting" | "online" | "waiting" | "offline" | "signed-out" | "refused";

export interface ConnectionOptions {
  /** Origin of the gateway, for example "https://chat.example"; "" for the page's own. */
  server: string;
  /** The shop's token (JWT) of the buyer; "" where the buyer is not signed in. */
  token: string;
  /** Asked once when the token is no longer accepted; null when the shop has no other. */
  requestToken: () => Promise<string | null>;
  sessionRequest: () => SessionRequest;
  /** The server does not give this conversation to this buyer: start without it. */
  onConversationGone: () => void;
  /** The socket is open; nothing has been sent yet. */
  onOpen: (session: Session) => void;
  onFrame: (frame: ServerFrame) => void;
  onState: () => void;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
}

const OPEN_TIMEOUT_MS = 10_000;
const IDLE_MS = 25_000;
const PONG_TIMEOUT_MS = 10_000;
const PROBE_TIMEOUT_MS = 4_000;
const SLOW_DOWN_MS = 5_000;
const STABLE_MS = 10_000;
const EXPIRY_MARGIN_MS = 30_000;

/** What has been tried to get signed in again since the last time that the server answered. */
type Renewal = "nothing" | "new session" | "new shop token";

export class Connection {
  #state: ConnectionState = "idle";
  #token: string;
  #session: Session | null = null;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #renewal: Renewal = "nothing";
  #onlineSince = 0;
  /** Counts up whenever what was under way is dropped, so that a late answer to it is recognised. */
  #epoch = 0;

  constructor(private readonly options: ConnectionOptions) {
    this.#token = options.token;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start(): void {
    if (this.#state === "idle") void this.#connect();
  }

  stop(): void {
    this.#drop();
    this.#set("idle");
  }

  /** Connects now instead of later; does nothing while connected or already connecting. */
  retry(): void {
    if (this.#state === "idle" || this.#state === "online" || this.#state === "connecting") return;
    this.#renewal = "nothing";
    void this.#connect();
  }

  /** Finds out quickly whether the line still works: after sleep, a change of network, or coming back to the tab. */
  probe(): void {
    if (this.#state === "online") this.#ping(PROBE_TIMEOUT_MS);
    else if (this.#state === "waiting" || this.#state === "offline") this.retry();
  }

  /** Another token of the same buyer, used from the next sign-in on. */
  setToken(token: string): void {
    if (token === this.#token) return;
    this.#token = token;
    if (this.#state === "signed-out" || this.#state === "refused") this.retry();
  }

  /** False when there is no open socket. */
  send(frame: ClientFrame): boolean {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  async #connect(): Promise<void> {
    this.#drop();
    const epoch = this.#epoch;
    this.#set("connecting");
    if (!this.#token) return this.#askShop();
    const request = this.options.sessionRequest();
    try {
      const session = this.#usableSession() ?? (await this.#signIn(request));
      if (epoch !== this.#epoch) return;
      this.#session = session;
      this.#open(session);
    } catch (error) {
      if (epoch === this.#epoch) this.#sessionFailed(error, request);
    }
  }

  #usableSession(): Session | null {
    const session = this.#session;
    return session && session.expiresAt - Date.now() > EXPIRY_MARGIN_MS ? session : null;
  }

  #signIn(request: SessionRequest): Promise<Session> {
    const { server, fetch: fetcher = (...call) => fetch(...call) } = this.options;
    return startSession(server, this.#token, request, fetcher);
  }

  #open(session: Session): void {
    const { server, WebSocket: Socket = WebSocket, onOpen, onFrame } = this.options;
    const socket = new Socket(socketUrl(server, session.socket), [SUBPROTOCOL, session.token]);
    this.#socket = socket;
    socket.onopen = () => onOpen(session);
    socket.onclose = (event) => this.#closed(event.code);
    socket.onmessage = (event) => {
      const frame = parseFrame(event.data);
      this.#alive();
      if (frame) onFrame(frame);
    };
    this.#after(OPEN_TIMEOUT_MS, () => this.#closed(0));
  }

  /** The server answers: the line works, and the next sign of life is due in a while. */
  #alive(): void {
    this.#after(IDLE_MS, () => this.#ping(PONG_TIMEOUT_MS));
    if (this.#state === "online") return;
    this.#renewal = "nothing";
    this.#onlineSince = Date.now();
    this.#set("online");
  }

  #ping(timeout: number): void {
    this.#after(timeout, () => this.#closed(0));
    this.send({ t: "ping" });
  }

  #closed(code: number): void {
    if (this.#state === "online" && Date.now() - this.#onlineSince > STABLE_MS) this.#attempt = 0;
    this.#drop();
    if (code === CLOSE_SIGN_IN) this.#signInAgain();
    else this.#wait(code === CLOSE_SLOW_DOWN ? SLOW_DOWN_MS * (1 + Math.random()) : 0);
  }

  #sessionFailed(error: unknown, request: SessionRequest): void {
    if (!(error instanceof SessionError)) return this.#wait(0);
    console.warn(`[recourse] ${error.message}`);
    if (error.status === 401) return this.#askShop();
    if (error.status === 404 && request.conversation !== undefined) return this.#startAnew();
    if (isRefusal(error.status)) return this.#set("refused");
    this.#wait(error.retryAfter);
  }

  #startAnew(): void {
    this.options.onConversationGone();
    void this.#connect();
  }

  /** First with the shop's token at hand, as the socket's own may merely have run out; then with a new one. */
  #signInAgain(): void {
    this.#session = null;
    if (this.#renewal !== "nothing") return this.#askShop();
    this.#renewal = "new session";
    void this.#connect();
  }

  #askShop(): void {
    this.#session = null;
    if (this.#renewal === "new shop token") return this.#set("signed-out");
    this.#renewal = "new shop token";
    const epoch = this.#epoch;
    this.#set("connecting");
    this.options.requestToken().then(
      (token) => {
        if (epoch !== this.#epoch) return;
        if (token === null) return this.#set("signed-out");
        this.#token = token;
        void this.#connect();
      },
      () => epoch === this.#epoch && this.#set("signed-out"),
    );
  }

  #wait(atLeast: number): void {
    const delay = Math.max(atLeast, backoff(this.#attempt, Math.random()));
    this.#attempt += 1;
    this.#after(delay, () => void this.#connect());
    this.#set(navigator.onLine === false ? "offline" : "waiting");
  }

  /** Lets go of the socket and of everything planned. A dead line may take minutes to close, so nobody waits for it. */
  #drop(): void {
    this.#epoch += 1;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** There is one timer: each stage of the connection waits for one thing. */
  #after(delay: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delay);
  }

  #set(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.options.onState();
  }
}

/** True where the same request can only fail again. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

function socketUrl(server: string, path: string): string {
  const url = new URL(path, server || location.href);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  return url.href;
}
