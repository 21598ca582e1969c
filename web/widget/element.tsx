/**
 * `<recourse-chat>`: the chat as a custom element.
 *
 * Attributes: `token` (the shop's JWT of the buyer), `server` (origin of the gateway; by default where widget.js came
 * from), `locale` ("en-GB"), `timezone` ("Europe/Berlin"). Methods: `open(draft?)`, `close()`.
 * Events: `recourse-message` (`detail`: the new message), `recourse-token` (the token is no longer accepted; a listener
 * answers with `detail.provide(tokenOrPromise)`). Colours: the custom properties at the top of widget.css.
 */
import { createRef, render } from "preact";
import { ChatClient, subjectOf } from "../shared/client";
import { browserStore } from "../shared/storage";
import { datesFor } from "./dates";
import { Launcher } from "./launcher";
import { Panel } from "./panel";
import type { PanelActions } from "./panel";
import { textsFor } from "./texts";
import css from "./widget.css?inline";

type MaybeToken = string | null | Promise<string | null>;
export type TokenEvent = CustomEvent<{ provide: (token: MaybeToken) => void }>;

interface View {
  open: boolean;
  draft: string;
}

const tabStore = browserStore(() => sessionStorage);

let sheet: CSSStyleSheet | undefined;

export class RecourseChat extends HTMLElement {
  /** Origin of the gateway where the attribute does not say; "" is the page's own. */
  static defaultServer = "";
  static readonly observedAttributes = ["token", "server", "locale", "timezone"];

  #root = document.createElement("div");
  #client: ChatClient | null = null;
  #view: View = { open: false, draft: "" };
  #input = createRef<HTMLTextAreaElement>();
  #launcher = createRef<HTMLButtonElement>();
  #returnFocus: HTMLElement | null = null;
  #renderPlanned = false;
  #subject = "";
  #texts = textsFor("");
  #dates = datesFor(undefined, undefined, this.#texts);
  #leave: AbortController | null = null;

  constructor() {
    super();
    this.#root.className = "root";
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [(sheet ??= createSheet())];
    shadow.append(this.#root);
  }

  get token(): string {
    return this.getAttribute("token") ?? "";
  }

  set token(token: string) {
    this.setAttribute("token", token);
  }

  connectedCallback(): void {
    this.#adoptEarlyToken();
    this.#begin();
    this.#leave = new AbortController();
    const { signal } = this.#leave;
    const probe = (): void => this.#client?.probe();
    window.addEventListener("online", probe, { signal });
    window.addEventListener("offline", probe, { signal });
    document.addEventListener("visibilitychange", () => document.hidden || (probe(), this.#plan()), { signal });
  }

  disconnectedCallback(): void {
    this.#leave?.abort();
    this.#end();
    render(null, this.#root);
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.#client || before === after) return;
    const sameBuyer = name === "token" && after && this.#subject === subjectOf(after);
    if (sameBuyer) return this.#client.setToken(after);
    this.#end();
    // Several attributes may change together.
    queueMicrotask(() => this.isConnected && this.#begin());
  }

  /** Opens the chat and moves the focus into it; a `draft` replaces what is in the composer. */
  open(draft?: string): void {
    this.#begin();
    if (!this.#view.open) this.#returnFocus = activeElement();
    this.#change({ open: true, ...(draft !== undefined && { draft }) });
    this.#client?.start();
    this.#renderNow();
    this.#focusComposer();
  }

  /** Closes the chat; the focus returns to where it was. */
  close(): void {
    if (!this.#view.open) return;
    this.#change({ open: false });
    this.#renderNow();
    const target = this.#returnFocus;
    this.#returnFocus = null;
    (target?.isConnected && target !== this && target !== document.body ? target : this.#launcher.current)?.focus();
  }

  /** Does nothing while there is a client. */
  #begin(): void {
    if (this.#client) return;
    const { token } = this;
    this.#texts = textsFor(document.documentElement.lang || this.#locale);
    this.#dates = datesFor(this.#locale, this.#timezone, this.#texts);
    // A visitor who signs in goes on where they are; another buyer starts from what that buyer left.
    const signedIn = this.#subject === "";
    this.#subject = subjectOf(token);
    this.#client = new ChatClient({
      server: this.getAttribute("server") ?? RecourseChat.defaultServer,
      token,
      locale: this.#locale,
      timezone: this.#timezone,
      requestToken: () => this.#requestToken(),
      onChange: () => this.#plan(),
      onMessage: (detail) => this.#emit("recourse-message", detail),
    });
    if (!this.#view.open || !signedIn) this.#recallView();
    // Without a conversation there can be no news, and no need to trouble the server for every visitor.
    if (this.#view.open || this.#client.hasConversation) this.#client.start();
    this.#plan();
  }

  #recallView(): void {
    const saved = tabStore.read(this.#viewKey) as Partial<View> | null;
    this.#view = { open: saved?.open === true, draft: typeof saved?.draft === "string" ? saved.draft : "" };
  }

  #end(): void {
    this.#client?.stop();
    this.#client = null;
  }

  get #locale(): string {
    return this.getAttribute("locale") ?? navigator.language;
  }

  get #timezone(): string {
    return this.getAttribute("timezone") ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  }

  get #viewKey(): string {
    return `recourse:view:${this.#subject}`;
  }

  #change(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change };
    tabStore.write(this.#viewKey, this.#view);
  }

  async #requestToken(): Promise<string | null> {
    let answer: MaybeToken = null;
    const provide = (token: MaybeToken): void => void (answer = token);
    this.#emit("recourse-token", { provide });
    const token = await answer;
    if (token) this.token = token;
    return token;
  }

  #emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** Changes come in bursts; one rendering shows them all. */
  #plan(): void {
    if (this.#renderPlanned) return;
    this.#renderPlanned = true;
    queueMicrotask(() => this.#renderPlanned && this.#renderNow());
  }

  #renderNow(): void {
    this.#renderPlanned = false;
    if (!this.#client) return;
    const texts = this.#texts;
    const { open, draft } = this.#view;
    const state = this.#client.state;
    this.#root.lang = texts.lang;
    const view = open ? (
      <Panel
        state={state}
        draft={draft}
        texts={texts}
        input={this.#input}
        actions={this.#actions}
        dates={this.#dates}
      />
    ) : (
      <Launcher unread={state.unread} texts={texts} button={this.#launcher} onOpen={() => this.open()} />
    );
    render(view, this.#root);
    if (open && !document.hidden) this.#client.markRead();
  }

  #actions: PanelActions = {
    close: () => this.close(),
    say: (text) => {
      this.#client?.say(text);
      this.#actions.draft("");
    },
    draft: (draft) => {
      this.#change({ draft });
      this.#plan();
    },
    press: (button) => this.#client?.press(button),
    resend: (cid) => this.#client?.resend(cid),
    discard: (cid) => this.#client?.discard(cid),
    retry: () => this.#client?.retryNow(),
  };

  /** On a touch screen the focus stays on the panel: the on-screen keyboard would cover the conversation. */
  #focusComposer(): void {
    const touch = matchMedia("(pointer: coarse)").matches;
    const input = this.#input.current;
    if (touch && !this.#view.draft) this.#root.querySelector<HTMLElement>(".panel")?.focus();
    else input?.focus();
    input?.setSelectionRange(input.value.length, input.value.length);
  }

  /** A page may have set `token` before this class was loaded; then it hides the accessor. */
  #adoptEarlyToken(): void {
    const early = Object.getOwnPropertyDescriptor(this, "token")?.value as string | undefined;
    if (early === undefined) return;
    delete (this as Partial<Record<"token", string>>).token;
    this.token = early;
  }
}

function createSheet(): CSSStyleSheet {
  const created = new CSSStyleSheet();
  created.replaceSync(css);
  return created;
}

function activeElement(): HTMLElement | null {
  return document.activeElement instanceof HTMLElement ? document.activeElement : null;
}
