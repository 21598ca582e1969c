/** Where the buyer writes. Enter sends, Shift+Enter starts a new line. */
import type { JSX, RefObject, TargetedKeyboardEvent } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { MAX_TEXT } from "../shared/protocol";
import { SendIcon } from "./icons";
import type { Texts } from "./texts";

interface ComposerProps {
  draft: string;
  texts: Texts;
  input: RefObject<HTMLTextAreaElement | null>;
  onDraft: (draft: string) => void;
  onSend: (text: string) => void;
}

const WARN_FROM = MAX_TEXT - 200;

export function Composer({ draft, texts, input, onDraft, onSend }: ComposerProps): JSX.Element {
  useLayoutEffect(() => fitHeight(input.current!), [draft]);

  const send = (): void => {
    input.current?.focus();
    if (draft.trim()) onSend(draft);
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>): void => {
    // While an input method composes a character, Enter only chooses it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label class="hidden" for="text">
        {texts.composer}
      </label>
      <div class="field">
        <textarea
          id="text"
          rows={1}
          dir="auto"
          maxLength={MAX_TEXT}
          placeholder={texts.placeholder}
          aria-describedby="hint left"
          enterkeyhint="send"
          value={draft}
          ref={input}
          onKeyDown={onKeyDown}
          onInput={(event) => onDraft(event.currentTarget.value)}
        />
        <button type="submit" class="send" aria-label={texts.send} aria-disabled={!draft.trim()}>
          <SendIcon />
        </button>
      </div>
      <p id="hint" class="hidden">
        {texts.composerHint}
      </p>
      <p id="left" class="left">
        {draft.length > WARN_FROM && texts.left(MAX_TEXT - draft.length)}
      </p>
    </form>
  );
}

function fitHeight(area: HTMLTextAreaElement): void {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}
