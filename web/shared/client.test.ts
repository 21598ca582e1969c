// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatClient, subjectOf } from "./client";
import type { ChatOptions } from "./client";
import { MAX_AGE_MS } from "./outbox";
import type { Message } from "./protocol";
import { FakeServer, memoryStore, refusal, tokenOf } from "./testing";

let server: FakeServer;
let memory: ReturnType<typeof memoryStore>;
let tabMemory: ReturnType<typeof memoryStore>;
let client: ChatClient;

function create(options: Partial<ChatOptions> = {}): ChatClient {
  client = new ChatClient({
    server: "https://chat.example",
    token: tokenOf("buyer-1"),
    locale: "en-GB",
    timezone: "Europe/Berlin",
    requestToken: async () => null,
    onChange: () => {},
    fetch: server.fetch,
    WebSocket: server.WebSocket,
    memory,
    tabMemory,
    ...options,
  });
  return client;
}

/** Lets promises and timers run for this long. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function connected(options: Partial<ChatOptions> = {}): Promise<ChatClient> {
  create(options).start();
  await pass(20);
  expect(client.state.connection).toBe("online");
  return client;
}

const texts = () => client.state.messages.map(({ text }) => text);
const says = () => server.sockets.flatMap(({ sent }) => sent).filter(({ t }) => t === "say");

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-03-01T10:00:00Z") });
  vi.spyOn(console, "warn").mockImplementation(() => {});
  server = new FakeServer();
  memory = memoryStore();
  tabMemory = memoryStore();
});

afterEach(() => {
  client.stop();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("signing in", () => {
  it("exchanges the shop's token and opens the socket with the session's", async () => {
    await connected();
    expect(server.sessionCalls).toEqual([
      { token: tokenOf("buyer-1"), body: { locale: "en-GB", timezone: "Europe/Berlin" } },
    ]);
    expect(server.socket.url).toBe("wss://chat.example/v1/socket");
    expect(server.socket.protocols).toEqual(["recourse.v1", "socket-token-1"]);
    expect(server.socket.sent[0]).toEqual({ t: "hello", last: 0 });
  });

  it("resumes the conversation that it remembers", async () => {
    await connected();
    client.stop();
    await connected();
    expect(server.sessionCalls[1]?.body).toMatchObject({ conversation: "c1" });
  });

  it("starts a new conversation when the remembered one is gone", async () => {
    memory.write(`recourse:https://chat.example:buyer-1`, { conversation: "old", read: 7 });
    server.sessionAnswers.push(refusal(404));
    await connected();
    expect(server.sessionCalls.map(({ body }) => body["conversation"])).toEqual(["old", undefined]);
    server.post("bot", "Hello");
    expect(client.state.unread).toBe(1);
  });

  it("keeps the memories of two buyers apart", async () => {
    await connected();
    client.stop();
    await connected({ token: tokenOf("buyer-2") });
    expect(server.sessionCalls[1]?.body["conversation"]).toBeUndefined();
  });

  it("gets a fresh session by itself when the socket's token has run out", async () => {
    await connected();
    server.socket.drop(4401);
    await pass(20);
    expect(client.state.connection).toBe("online");
    expect(server.sessionCalls).toHaveLength(2);
  });

  it("asks the shop once for a new token, then gives up until it gets one", async () => {
    const requestToken = vi.fn(async () => "newer");
    server.sessionAnswers.push(refusal(401), refusal(401));
    create({ requestToken }).start();
    await pass(60_000);
    expect(requestToken).toHaveBeenCalledTimes(1);
    expect(server.sessionCalls.map(({ token }) => token)).toEqual([tokenOf("buyer-1"), "newer"]);
    expect(client.state.connection).toBe("signed-out");
    client.setToken("newest");
    await pass(20);
    expect(client.state.connection).toBe("online");
    expect(server.sessionCalls.at(-1)?.token).toBe("newest");
  });

  it("asks the shop when the socket is refused twice in a row", async () => {
    const requestToken = vi.fn(async () => null);
    await connected({ requestToken });
    server.answerPings = false;
    server.socket.drop(4401);
    await pass(11);
    server.socket.drop(4401);
    await pass(1);
    expect(requestToken).toHaveBeenCalledTimes(1);
    expect(client.state.connection).toBe("signed-out");
  });

  it("keeps its conversation in mind where only the page is refused", async () => {
    await connected();
    client.stop();
    server.sessionAnswers.push(refusal(403));
    create().start();
    await pass(20);
    expect(client.state.connection).toBe("refused");
    expect(client.hasConversation).toBe(true);
  });

  it("does not keep knocking where it is refused", async () => {
    server.sessionAnswers.push(refusal(403));
    create().start();
    await pass(120_000);
    expect(client.state.connection).toBe("refused");
    expect(server.sessionCalls).toHaveLength(1);
  });

  it("waits as long as the server asks", async () => {
    server.sessionAnswers.push(refusal(429, { "Retry-After": "7" }));
    create().start();
    await pass(6_900);
    expect(client.state.connection).toBe("waiting");
    await pass(200);
    expect(client.state.connection).toBe("online");
  });

  it("renews a session that is about to expire before it connects again", async () => {
    await connected();
    await pass(580_000);
    server.socket.drop();
    await pass(1_000);
    expect(server.sessionCalls).toHaveLength(2);
  });
});

describe("receiving", () => {
  it("is loaded once the history is there", async () => {
    server.post("bot", "one");
    server.post("bot", "two");
    create().start();
    await pass(5);
    expect(client.state.loaded).toBe(false);
    await pass(15);
    expect(client.state.loaded).toBe(true);
    expect(texts()).toEqual(["one", "two"]);
  });

  it("puts messages in order and shows each once", async () => {
    await connected();
    const event = (seq: number) =>
      server.socket.push({ t: "event", seq, author: "bot", at: "", text: `m${seq}`, buttons: [] });
    [3, 1, 2, 2, 1, 3].forEach(event);
    expect(texts()).toEqual(["m1", "m2", "m3"]);
  });

  it("asks again from the first gap after a reconnect", async () => {
    await connected();
    server.log.push(...[1, 2, 3].map((seq) => ({ seq, author: "bot" as const, at: "", text: `m${seq}`, buttons: [] })));
    server.socket.push({ t: "event", ...server.log[0]! });
    server.socket.push({ t: "event", ...server.log[2]! });
    expect(texts()).toEqual(["m1", "m3"]);
    server.socket.drop(1012);
    await pass(1_000);
    expect(server.socket.sent[0]).toEqual({ t: "hello", last: 1 });
    expect(texts()).toEqual(["m1", "m2", "m3"]);
  });

  it("marks buttons as stale when the server says so", async () => {
    await connected();
    const stored = server.post("bot", "Sure?", { buttons: [{ title: "Yes", token: "t1" }] });
    server.socket.push({ t: "event", ...stored, stale: true });
    expect(client.state.messages).toMatchObject([{ text: "Sure?", stale: true }]);
  });

  it("tells of news only, not of history or the buyer's own", async () => {
    const news: Message[] = [];
    server.post("bot", "history");
    await connected({ onMessage: (message) => news.push(message) });
    client.say("hi");
    server.post("bot", "news");
    expect(news.map(({ text }) => text)).toEqual(["news"]);
  });

  it("shows typing until the answer, the end of it, a break or a long silence", async () => {
    await connected();
    const typing = () => server.socket.push({ t: "typing", on: true });
    typing();
    expect(client.state.typing).toBe(true);
    server.post("bot", "answer");
    expect(client.state.typing).toBe(false);
    typing();
    server.socket.push({ t: "typing", on: false });
    expect(client.state.typing).toBe(false);
    typing();
    await pass(30_001);
    expect(client.state.typing).toBe(false);
    typing();
    server.socket.drop();
    expect(client.state.typing).toBe(false);
  });

  it("ignores frames that it does not understand", async () => {
    await connected();
    for (const data of ["", "[]", "null", '{"t":"event"}', '{"t":"event","seq":1,"author":"nobody"}', '{"t":"new"}']) {
      server.socket.onmessage?.({ data });
    }
    expect(client.state).toMatchObject({ connection: "online", messages: [] });
  });
});

describe("sending", () => {
  it("moves a message from pending to the log exactly once", async () => {
    await connected();
    client.say("  where is my order?\n ");
    expect(texts()).toEqual(["where is my order?"]);
    expect(client.state.pending).toEqual([]);
    expect(tabMemory.values.size).toBe(0);
  });

  it("ignores blank text", async () => {
    await connected();
    client.say(" \n ");
    expect(client.state.pending).toEqual([]);
    expect(says()).toEqual([]);
  });

  it("sends the token of a button, and shows its title", async () => {
    await connected();
    server.ignoreSays = true;
    client.press({ title: "Yes, cancel it", token: "t1" });
    expect(says()).toMatchObject([{ t: "say", button: "t1" }]);
    expect(client.state.pending).toMatchObject([{ text: "Yes, cancel it" }]);
  });

  it("keeps what is said while offline and sends it in order later", async () => {
    server.sessionAnswers.push(new TypeError("no network"));
    create().start();
    client.say("one");
    client.say("two");
    await pass(0);
    expect(client.state.connection).toBe("waiting");
    await pass(2_000);
    expect(texts()).toEqual(["one", "two"]);
  });

  it("resends with the same cid until the server confirms", async () => {
    await connected();
    server.ignoreSays = true;
    client.say("hello");
    await pass(8_100);
    server.ignoreSays = false;
    await pass(8_100);
    expect(says()).toHaveLength(3);
    expect(new Set(says().map(({ cid }) => cid)).size).toBe(1);
    expect(server.log).toHaveLength(1);
    await pass(60_000);
    expect(says()).toHaveLength(3);
  });

  it("does not send again what the replay shows to be stored", async () => {
    await connected();
    server.loseOks = true;
    client.say("hello");
    expect(client.state.pending).toHaveLength(1);
    server.socket.drop();
    await pass(1_000);
    expect(says()).toHaveLength(1);
    expect(texts()).toEqual(["hello"]);
    expect(client.state.pending).toEqual([]);
  });

  it("sends after a reload of the page what the page before it could not", async () => {
    create().say("hello");
    await connected();
    expect(texts()).toEqual(["hello"]);
  });

  it("marks a refused message as failed, and sends or drops it as the buyer says", async () => {
    await connected();
    server.ignoreSays = true;
    client.say("one");
    client.say("two");
    const [one, two] = says().map(({ cid }) => String(cid));
    server.socket.push({ t: "err", code: "too_long", message: "Write less.", cid: one });
    server.socket.push({ t: "err", code: "too_long", message: "Write less.", cid: two });
    expect(client.state.pending).toMatchObject([{ failed: true }, { failed: true }]);
    client.discard(two!);
    server.ignoreSays = false;
    client.resend(one!);
    expect(texts()).toEqual(["one"]);
    expect(client.state.pending).toEqual([]);
  });

  it("sends again by itself what came too fast", async () => {
    await connected();
    server.ignoreSays = true;
    client.say("one");
    server.socket.push({ t: "err", code: "slow_down", message: "Wait 1 s.", cid: says()[0]!["cid"] });
    expect(client.state.pending).toMatchObject([{ failed: false }]);
    server.ignoreSays = false;
    await pass(8_100);
    expect(texts()).toEqual(["one"]);
  });

  it("does not send by itself what has waited too long", async () => {
    create().say("yes, cancel it");
    await pass(MAX_AGE_MS + 1);
    await connected();
    expect(says()).toEqual([]);
    expect(client.state.pending).toMatchObject([{ text: "yes, cancel it", failed: true }]);
  });
});

describe("reading", () => {
  it("counts what others wrote until it is read, and tells the server", async () => {
    await connected();
    server.post("bot", "one");
    server.post("agent", "two");
    client.say("mine");
    expect(client.state.unread).toBe(2);
    client.markRead();
    client.markRead();
    expect(client.state.unread).toBe(0);
    expect(server.socket.sent.filter(({ t }) => t === "read")).toEqual([{ t: "read", seq: 3 }]);
  });

  it("remembers what was read on the next visit", async () => {
    server.post("bot", "one");
    await connected();
    client.markRead();
    client.stop();
    server.post("bot", "two");
    await connected();
    expect(client.state.unread).toBe(1);
  });
});

describe("a bad line", () => {
  it("connects again with growing pauses", async () => {
    await connected();
    server.acceptSockets = false;
    server.socket.drop();
    const attempts: number[] = [];
    for (let minute = 0; minute < 3; minute += 1) {
      const before = server.sockets.length;
      await pass(60_000);
      attempts.push(server.sockets.length - before);
    }
    expect(attempts[0]).toBeGreaterThan(2);
    expect(attempts[2]).toBeLessThan(4);
    server.acceptSockets = true;
    client.retryNow();
    await pass(60_000);
    expect(client.state.connection).toBe("online");
  });

  it("pings when it is quiet and drops a line that does not answer", async () => {
    await connected();
    await pass(26_000);
    expect(server.socket.sent.filter(({ t }) => t === "ping")).toHaveLength(2);
    server.answerPings = false;
    await pass(36_000);
    expect(server.sockets.length).toBeGreaterThan(1);
  });

  it("finds a dead line quickly when told that the network changed", async () => {
    await connected();
    server.answerPings = false;
    client.probe();
    await pass(4_100);
    expect(client.state.connection).not.toBe("online");
    server.answerPings = true;
    client.probe();
    await pass(20);
    expect(client.state.connection).toBe("online");
  });

  it("says offline when the browser knows that there is no network", async () => {
    vi.spyOn(navigator, "onLine", "get").mockReturnValue(false);
    server.sessionAnswers.push(new TypeError("no network"));
    create().start();
    await pass(10);
    expect(client.state.connection).toBe("offline");
  });

  it("slows down when told to", async () => {
    await connected();
    server.socket.drop(4429);
    await pass(4_900);
    expect(server.sockets).toHaveLength(1);
    await pass(5_200);
    expect(client.state.connection).toBe("online");
  });

  it("leaves nothing running after stop", async () => {
    await connected();
    client.say("x");
    client.stop();
    expect(vi.getTimerCount()).toBe(0);
    expect(server.socket.readyState).toBe(3);
  });
});

describe("subjectOf", () => {
  it("reads the buyer from a token, also beyond ASCII", () => {
    const payload = btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify({ sub: "käufer" }))));
    expect(subjectOf(`h.${payload}.s`)).toBe("käufer");
  });

  it("is empty for anything else", () => {
    expect(["", "x", "a.b.c", `a.${btoa("{}")}.c`].map(subjectOf)).toEqual(["", "", "", ""]);
  });
});
