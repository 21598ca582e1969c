/** The chat on this page: the same element and the same events that any shop uses. */
import type { RecourseChat, TokenEvent } from "../widget/element";
import { fetchBuyers } from "./api";
import type { Buyer } from "./api";

const chat = document.createElement("recourse-chat") as RecourseChat;

/** Puts the chat on the page, for this buyer. */
export function showChat(buyer: Buyer): void {
  chat.setAttribute("token", buyer.token);
  chat.setAttribute("locale", buyer.locale);
  chat.setAttribute("timezone", buyer.timezone);
  chat.dataset["buyer"] = buyer.id;
  if (!chat.isConnected) document.body.append(chat);
}

/** Opens the chat with `draft` in the composer. */
export async function openChat(draft: string): Promise<void> {
  await customElements.whenDefined("recourse-chat");
  chat.open(draft);
}

export function onChatMessage(listener: () => void): () => void {
  chat.addEventListener("recourse-message", listener);
  return () => chat.removeEventListener("recourse-message", listener);
}

chat.addEventListener("recourse-token", (event) => {
  const fresh = fetchBuyers().then((buyers) => buyers.find(({ id }) => id === chat.dataset["buyer"])?.token ?? null);
  (event as TokenEvent).detail.provide(fresh);
});
