// @vitest-environment happy-dom
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeServer, refusal, tokenOf } from "../shared/testing";
import { RecourseChat } from "./element";
import type { TokenEvent } from "./element";

let server: FakeServer;
let chat: RecourseChat;

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const find = <T extends HTMLElement>(selector: string) => chat.shadowRoot!.querySelector<T>(selector);
const all = (selector: string) => [...chat.shadowRoot!.querySelectorAll<HTMLElement>(selector)];
const texts = (selector: string) => all(selector).map(({ textContent }) => textContent);
const focused = () => chat.shadowRoot!.activeElement;

function add(attributes: Record<string, string> = { token: tokenOf("buyer-1") }): void {
  chat = document.createElement("recourse-chat") as RecourseChat;
  for (const [name, value] of Object.entries(attributes)) chat.setAttribute(name, value);
  document.body.append(chat);
}

async function opened(): Promise<void> {
  add();
  chat.open();
  await pass(50);
}

function key(target: HTMLElement, name: string, more: KeyboardEventInit = {}): void {
  target.dispatchEvent(
    new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, composed: true, ...more }),
  );
}

async function type(text: string): Promise<HTMLTextAreaElement> {
  const area = find<HTMLTextAreaElement>("textarea")!;
  area.value = text;
  area.dispatchEvent(new Event("input", { bubbles: true }));
  await pass(0);
  return area;
}

beforeAll(() => customElements.define("recourse-chat", RecourseChat));

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-03-01T10:00:00Z") });
  vi.spyOn(console, "warn").mockImplementation(() => {});
  server = new FakeServer();
  vi.stubGlobal("fetch", server.fetch);
  vi.stubGlobal("WebSocket", server.WebSocket);
});

afterEach(() => {
  chat.remove();
  sessionStorage.clear();
  localStorage.clear();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("opening and closing", () => {
  it("troubles nobody before it is opened", async () => {
    add();
    await pass(100);
    expect(server.sessionCalls).toEqual([]);
    expect(find(".launcher")?.textContent).toBe("Order support");
  });

  it("moves the focus into the composer and back to the launcher", async () => {
    add();
    await pass(0);
    find(".launcher")!.click();
    await pass(50);
    expect(focused()).toBe(find("textarea"));
    key(find("textarea")!, "Escape");
    expect(find(".panel")).toBeNull();
    expect(focused()).toBe(find(".launcher"));
  });

  it("returns the focus to the button of the page that opened it", async () => {
    const help = document.createElement("button");
    document.body.append(help);
    add();
    help.focus();
    chat.open("About order RC-1042-7716: ");
    await pass(50);
    expect(find<HTMLTextAreaElement>("textarea")!.value).toBe("About order RC-1042-7716: ");
    chat.close();
    expect(document.activeElement).toBe(help);
    help.remove();
  });

  it("is open with the same draft after a reload, without taking the focus", async () => {
    await opened();
    await type("half a");
    chat.remove();
    add();
    await pass(50);
    expect(find<HTMLTextAreaElement>("textarea")!.value).toBe("half a");
    expect(focused()).toBeNull();
  });

  it("counts unread messages on the launcher while it is closed", async () => {
    await opened();
    chat.close();
    server.post("system", "The seller accepted.");
    await pass(0);
    expect(texts(".badge")).toEqual(["1"]);
    expect(find("[role=status]")?.textContent).toBe("1 unread message");
    chat.open();
    await pass(0);
    chat.close();
    expect(find(".badge")).toBeNull();
  });
});

describe("the conversation", () => {
  it("is live only after the history is there", async () => {
    server.post("bot", "Hello\nAda");
    await opened();
    expect(find("[role=log]")?.getAttribute("aria-live")).toBe("off");
    expect(texts(".bubble")).toEqual(["Hello\nAda"]);
    await pass(400);
    expect(find("[role=log]")?.getAttribute("aria-live")).toBe("polite");
  });

  it("keeps order numbers whole", async () => {
    server.post("bot", "Order RC-1042-7716 and RC-1042-8815.\nBoth.");
    await opened();
    expect(texts("bdi")).toEqual(["RC-1042-7716", "RC-1042-8815"]);
    expect(texts(".bubble")).toEqual(["Order RC-1042-7716 and RC-1042-8815.\nBoth."]);
  });

  it("shows markup as plain text", async () => {
    server.post("bot", "<img src=x onerror=alert(1)> *bold*");
    await opened();
    expect(texts(".bubble")).toEqual(["<img src=x onerror=alert(1)> *bold*"]);
    expect(find("img")).toBeNull();
  });

  it("sends with Enter, not with Shift+Enter and not while composing", async () => {
    await opened();
    const area = await type("hello");
    key(area, "Enter", { shiftKey: true });
    key(area, "Enter", { isComposing: true });
    expect(server.log).toEqual([]);
    key(area, "Enter");
    await pass(0);
    expect(server.log.map(({ text }) => text)).toEqual(["hello"]);
    expect(area.value).toBe("");
  });

  it("takes buttons away once one is pressed, and keeps the focus", async () => {
    server.post("bot", "Sure?", {
      buttons: [
        { title: "Yes", token: "t1" },
        { title: "No", token: "t2" },
      ],
    });
    await opened();
    expect(texts(".choice")).toEqual(["Yes", "No"]);
    find(".choice")!.click();
    await pass(0);
    expect(all(".choice")).toEqual([]);
    expect(server.log.at(-1)?.text).toBe("t1");
    expect(focused()).toBe(find("textarea"));
  });

  it("ignores the second click of a double click", async () => {
    server.post("bot", "Sure?", { buttons: [{ title: "Yes", token: "t1" }] });
    await opened();
    find(".choice")!.dispatchEvent(new MouseEvent("click", { detail: 2, bubbles: true }));
    expect(server.log).toHaveLength(1);
  });

  it("offers to send a refused message again", async () => {
    await opened();
    server.ignoreSays = true;
    key(await type("hello"), "Enter");
    const { cid } = server.socket.sent.at(-1)!;
    server.socket.push({ t: "err", code: "too_long", message: "Write less.", cid });
    await pass(0);
    expect(texts(".meta.failed .link")).toEqual(["Try again", "Remove"]);
    server.ignoreSays = false;
    find(".meta.failed .link")!.click();
    await pass(0);
    expect(find(".failed")).toBeNull();
    expect(server.log).toHaveLength(1);
  });

  it("names the author: assistant until a person writes", async () => {
    await opened();
    expect(find(".head p")?.textContent).toBe("Automated assistant");
    server.post("agent", "Hi, Maria here.");
    await pass(0);
    expect(find(".head p")?.textContent).toBe("Support team");
    expect(texts(".author")).toEqual(["Support team"]);
  });

  it("says that the connection is lost only when it stays so", async () => {
    await opened();
    server.socket.drop();
    await pass(800);
    expect(find(".state.shown")).toBeNull();
    server.acceptSockets = false;
    server.socket.drop();
    await pass(2_000);
    expect(find(".state [role=status]")?.textContent).toMatch(/Connecting again|connection was lost/);
  });

  it("tells the page about news", async () => {
    const news = vi.fn();
    add();
    chat.addEventListener("recourse-message", (event) => news((event as CustomEvent<{ text: string }>).detail.text));
    server.post("bot", "history");
    chat.open();
    await pass(50);
    server.post("system", "The seller accepted.");
    expect(news.mock.calls).toEqual([["The seller accepted."]]);
  });
});

describe("signing in", () => {
  it("asks the page for another token and goes on with it", async () => {
    server.sessionAnswers.push(refusal(401));
    add();
    chat.addEventListener("recourse-token", (event) =>
      (event as TokenEvent).detail.provide(Promise.resolve(tokenOf("buyer-1") + "2")),
    );
    chat.open();
    await pass(50);
    expect(server.sessionCalls.map(({ token }) => token)).toEqual([tokenOf("buyer-1"), tokenOf("buyer-1") + "2"]);
    expect(find(".panel")).not.toBeNull();
    expect(server.sockets).toHaveLength(1);
  });

  it("asks the buyer to sign in where there is no token, until there is one", async () => {
    add({});
    chat.open();
    await pass(1_500);
    expect(find(".state.shown")?.textContent).toContain("Please sign in");
    expect(server.sessionCalls).toEqual([]);
    chat.token = tokenOf("buyer-1");
    await pass(50);
    expect(server.sessionCalls).toHaveLength(1);
    expect(find(".panel")).not.toBeNull();
  });

  it("keeps two buyers apart", async () => {
    await opened();
    key(await type("hello"), "Enter");
    server.conversation = "c2";
    server.log.length = 0;
    chat.token = tokenOf("buyer-2");
    await pass(50);
    expect(find(".panel")).toBeNull();
    chat.open();
    await pass(50);
    expect(texts(".bubble")).toEqual([]);
    expect(server.sessionCalls.at(-1)?.body["conversation"]).toBeUndefined();
  });

  it("takes a token that the page set before the script was there", async () => {
    chat = document.createElement("recourse-chat") as RecourseChat;
    Object.defineProperty(chat, "token", {
      value: tokenOf("early"),
      configurable: true,
      writable: true,
      enumerable: true,
    });
    document.body.append(chat);
    expect(chat.getAttribute("token")).toBe(tokenOf("early"));
  });
});
