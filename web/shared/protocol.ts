/** The frames of the buyer's socket (docs/architecture.md, contract 1). */

export const SUBPROTOCOL = "recourse.v1";
export const MAX_TEXT = 2000;

/** Close codes that mean something to the client; every other code means "connect again". */
export const CLOSE_SIGN_IN = 4401;
export const CLOSE_SLOW_DOWN = 4429;

export type Author = "buyer" | "bot" | "agent" | "system";

export interface Button {
  title: string;
  token: string;
}

/** One message of the conversation. `at` is UTC, ISO 8601. `stale`: its buttons can no longer be pressed. */
export interface Message {
  seq: number;
  author: Author;
  at: string;
  text: string;
  buttons: Button[];
  stale: boolean;
  cid: string | null;
}

export type ClientFrame =
  | { t: "hello"; last: number }
  | { t: "say"; cid: string; text: string }
  | { t: "say"; cid: string; button: string }
  | { t: "read"; seq: number }
  | { t: "ping" };

export type ServerFrame =
  | { t: "ok"; cid: string; seq: number }
  | { t: "event"; message: Message }
  | { t: "typing"; on: boolean }
  | { t: "err"; code: string; message: string; cid: string | null }
  | { t: "pong" };

type Fields = Record<string, unknown>;

const AUTHORS: readonly string[] = ["buyer", "bot", "agent", "system"];

/** The frame in `data`, or null where it is not one this client knows: newer servers may say more. */
export function parseFrame(data: unknown): ServerFrame | null {
  const fields = parseObject(data);
  if (!fields) return null;
  switch (fields["t"]) {
    case "ok":
      return isSeq(fields["seq"]) && isText(fields["cid"]) ? { t: "ok", cid: fields["cid"], seq: fields["seq"] } : null;
    case "event":
      return parseEvent(fields);
    case "typing":
      return { t: "typing", on: fields["on"] === true };
    case "err":
      return { t: "err", code: asText(fields["code"]), message: asText(fields["message"]), cid: asCid(fields["cid"]) };
    case "pong":
      return { t: "pong" };
    default:
      return null;
  }
}

function parseObject(data: unknown): Fields | null {
  if (typeof data !== "string") return null;
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}

function parseEvent(fields: Fields): ServerFrame | null {
  const { seq, author } = fields;
  if (!isSeq(seq) || !isText(author) || !AUTHORS.includes(author)) return null;
  const buttons = Array.isArray(fields["buttons"]) ? fields["buttons"].filter(isButton) : [];
  return {
    t: "event",
    message: {
      seq,
      author: author as Author,
      at: asText(fields["at"]),
      text: asText(fields["text"]),
      buttons: buttons.map(({ title, token }) => ({ title, token })),
      stale: fields["stale"] === true,
      cid: asCid(fields["cid"]),
    },
  };
}

function isButton(value: unknown): value is Button {
  const fields = value as Partial<Button> | null;
  return isText(fields?.title) && isText(fields?.token);
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function asText(value: unknown): string {
  return isText(value) ? value : "";
}

function asCid(value: unknown): string | null {
  return isText(value) ? value : null;
}
