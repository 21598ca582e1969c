/** Every word of the widget itself. What the assistant says comes from the server. */

const en = {
  lang: "en",
  title: "Order support",
  automated: "Automated assistant",
  human: "Support team",
  openChat: "Order support",
  close: "Close the chat",
  conversation: "Conversation",
  composer: "Your message",
  placeholder: "Write a message",
  composerHint: "Enter sends the message. Shift and Enter starts a new line.",
  send: "Send",
  left: (count: number) => (count === 1 ? "1 character left" : `${count} characters left`),
  choices: "Suggested answers",
  typing: "The assistant is writing",
  unread: (count: number) => (count === 1 ? "1 unread message" : `${count} unread messages`),
  moreBelow: "More below",
  loading: "Loading your conversation",
  today: "Today",
  yesterday: "Yesterday",
  author: { buyer: "You", bot: "Assistant", agent: "Support team", system: "Update" },
  delivery: { sending: "Sending", sent: "Sent", failed: "Not sent" },
  resend: "Try again",
  discard: "Remove",
  connection: {
    connecting: "Connecting",
    reconnecting: "Connecting again",
    waiting: "The connection was lost. We keep trying.",
    offline: "You are offline. What you write is sent as soon as you are back.",
    "signed-out": "Please sign in to the shop to chat about your orders.",
    refused: "The chat is not available on this page at the moment.",
  },
  retry: "Try now",
};

export type Texts = typeof en;

/** One entry a language, by the first part of its tag. */
const LANGUAGES: Readonly<Record<string, Texts>> = { en };

/** The texts that fit a language tag such as "en-GB" best; English where there is none. */
export function textsFor(tag: string): Texts {
  return LANGUAGES[tag.toLowerCase().split("-")[0] ?? ""] ?? en;
}
