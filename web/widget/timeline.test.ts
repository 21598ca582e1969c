import { describe, expect, it } from "vitest";
import type { ChatState } from "../shared/client";
import type { OutboxItem } from "../shared/outbox";
import type { Author, Message } from "../shared/protocol";
import { timeline } from "./timeline";

const START = Date.parse("2026-03-01T10:00:00Z");
const YES = { title: "Yes", token: "t1" };

function message(seq: number, author: Author, more: Partial<Message> = {}): Message {
  const at = new Date(START + seq * 1000).toISOString();
  return { seq, author, at, text: `m${seq}`, buttons: [], stale: false, cid: null, ...more };
}

function item(cid: string, failed = false): OutboxItem {
  return { cid, text: cid, button: null, at: START + 60_000, failed };
}

function rows(messages: Message[], pending: OutboxItem[] = []) {
  const state: ChatState = { connection: "online", loaded: true, messages, pending, typing: false, unread: 0 };
  return timeline(state, (at) => new Date(at).toISOString().slice(0, 10));
}

const pressable = (messages: Message[], pending: OutboxItem[] = []) =>
  rows(messages, pending)
    .filter(({ buttons }) => buttons.length)
    .map(({ text }) => text);

describe("buttons", () => {
  const question = message(1, "bot", { buttons: [YES] });

  it("can be pressed while nothing was answered, also after a notice", () => {
    expect(pressable([question])).toEqual(["m1"]);
    expect(pressable([question, message(2, "system")])).toEqual(["m1"]);
  });

  it("go once the buyer has answered, in words or by a button", () => {
    expect(pressable([question, message(2, "buyer")])).toEqual([]);
    expect(pressable([question], [item("a")])).toEqual([]);
  });

  it("come back when the answer could not be sent", () => {
    expect(pressable([question], [item("a", true)])).toEqual(["m1"]);
  });

  it("go when the server says that they are stale", () => {
    expect(pressable([{ ...question, stale: true }])).toEqual([]);
  });
});

describe("rows", () => {
  it("group what one author says in a short time", () => {
    const all = rows([message(1, "bot"), message(2, "bot"), message(3, "buyer"), message(1000, "buyer")]);
    expect(all.map(({ startsGroup }) => startsGroup)).toEqual([true, false, true, true]);
    expect(all.map(({ endsGroup }) => endsGroup)).toEqual([false, true, true, true]);
  });

  it("start a day where it changes", () => {
    const all = rows([message(1, "bot"), message(2, "bot"), message(90_000, "bot")]);
    expect(all.map(({ startsDay }) => startsDay)).toEqual([true, false, true]);
  });

  it("say how far the buyer's own have come, under a key that stays", () => {
    const before = rows([], [item("a"), item("b", true)]);
    expect(before.map(({ key, delivery }) => [key, delivery])).toEqual([
      ["a", "sending"],
      ["b", "failed"],
    ]);
    const after = rows([message(1, "buyer", { cid: "a" })]);
    expect(after.map(({ key, delivery }) => [key, delivery])).toEqual([["a", "sent"]]);
  });

  it("survive a time that cannot be read", () => {
    const [row] = timeline(
      {
        connection: "online",
        loaded: true,
        messages: [message(1, "bot", { at: "?" })],
        pending: [],
        typing: false,
        unread: 0,
      },
      (at) => (Number.isNaN(at) ? "" : "day"),
    );
    expect(row?.at).toBeNaN();
  });
});
