/** The button that opens the chat, with the number of unread messages. */
import type { JSX, RefObject } from "preact";
import { ChatIcon } from "./icons";
import type { Texts } from "./texts";

interface LauncherProps {
  unread: number;
  texts: Texts;
  button: RefObject<HTMLButtonElement | null>;
  onOpen: () => void;
}

export function Launcher({ unread, texts, button, onOpen }: LauncherProps): JSX.Element {
  const news = unread > 0 ? texts.unread(unread) : "";
  return (
    <div class="corner">
      <button type="button" class="launcher" aria-haspopup="dialog" ref={button} onClick={onOpen}>
        <ChatIcon />
        <span class="label">{texts.openChat}</span>
        {unread > 0 && (
          <span class="badge" aria-hidden="true">
            {unread > 9 ? "9+" : unread}
          </span>
        )}
        {news && <span class="hidden">, {news}</span>}
      </button>
      <p class="hidden" role="status">
        {news}
      </p>
    </div>
  );
}
