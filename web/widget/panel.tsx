/** The open chat: header, state of the connection, log, composer. */
import type { JSX, RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ChatState } from "../shared/client";
import { Composer } from "./composer";
import type { Dates } from "./dates";
import { CloseIcon } from "./icons";
import { Log } from "./log";
import type { LogActions } from "./log";
import type { Texts } from "./texts";

export interface PanelActions extends LogActions {
  close: () => void;
  say: (text: string) => void;
  draft: (text: string) => void;
  retry: () => void;
}

interface PanelProps {
  state: ChatState;
  draft: string;
  texts: Texts;
  dates: Dates;
  actions: PanelActions;
  input: RefObject<HTMLTextAreaElement | null>;
}

/** Below this the panel covers the page (see widget.css), so the keyboard has to stay inside. */
const FULL_SCREEN = "(max-width: 479.98px)";

export function Panel({ state, draft, texts, dates, actions, input }: PanelProps): JSX.Element {
  const panel = useRef<HTMLElement>(null);
  const fullScreen = useMedia(FULL_SCREEN);
  useKeyboardInset(panel, fullScreen);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation();
      actions.close();
    }
    if (event.key === "Tab" && fullScreen) keepInside(event, panel.current!);
  };
  // The pressed button vanishes; the focus must not vanish with it.
  const thenFocus =
    <T extends unknown[]>(action: (...values: T) => void) =>
    (...values: T): void => {
      action(...values);
      (matchMedia("(pointer: coarse)").matches ? panel.current : input.current)?.focus();
    };
  // Typing in the composer need not render the log anew.
  const log = useMemo(() => {
    const { press, resend, discard } = actions;
    const all = { press: thenFocus(press), resend: thenFocus(resend), discard: thenFocus(discard) };
    return <Log state={state} texts={texts} dates={dates} actions={all} />;
  }, [state, texts, dates]);

  return (
    <section
      class="panel"
      role="dialog"
      aria-modal={fullScreen}
      aria-labelledby="title"
      tabIndex={-1}
      ref={panel}
      onKeyDown={onKeyDown}
    >
      <div class="head">
        <div>
          <h2 id="title">{texts.title}</h2>
          <p>{talksToHuman(state) ? texts.human : texts.automated}</p>
        </div>
        <button type="button" class="close" aria-label={texts.close} onClick={actions.close}>
          <CloseIcon />
        </button>
      </div>
      <StatusLine state={state} texts={texts} retry={thenFocus(actions.retry)} />
      {log}
      <Composer draft={draft} texts={texts} input={input} onDraft={actions.draft} onSend={actions.say} />
    </section>
  );
}

function StatusLine({ state, texts, retry }: { state: ChatState; texts: Texts; retry: () => void }): JSX.Element {
  const trouble = connectionText(state, texts);
  const text = useLasting(trouble !== "") ? trouble : "";
  const canRetry = text !== "" && state.connection !== "connecting" && state.connection !== "online";
  const loading = !state.loaded && state.connection === "online" ? texts.loading : "";
  return (
    <div class={text ? "state shown" : "state"}>
      <p role="status">
        {text}
        <span class="hidden">{loading || (state.typing && texts.typing)}</span>
      </p>
      {canRetry && (
        <button type="button" class="link" onClick={retry}>
          {texts.retry}
        </button>
      )}
    </div>
  );
}

function connectionText({ connection, loaded }: ChatState, texts: Texts): string {
  if (connection === "idle" || connection === "online") return "";
  if (connection === "connecting") return loaded ? texts.connection.reconnecting : texts.connection.connecting;
  return texts.connection[connection];
}

function talksToHuman({ messages }: ChatState): boolean {
  return messages.findLast(({ author }) => author === "bot" || author === "agent")?.author === "agent";
}

/** True once `present` has been so for a second: a break that heals by then is not worth a word. */
function useLasting(present: boolean): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    setLasting(false);
    if (!present) return;
    const timer = setTimeout(() => setLasting(true), 1000);
    return () => clearTimeout(timer);
  }, [present]);
  return present && lasting;
}

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const update = (): void => setMatches(list.matches);
    list.addEventListener("change", update);
    return () => list.removeEventListener("change", update);
  }, [query]);
  return matches;
}

/** On phones the on-screen keyboard covers part of the page: the panel shrinks to what is left. */
function useKeyboardInset(panel: RefObject<HTMLElement | null>, active: boolean): void {
  useEffect(() => {
    const viewport = window.visualViewport;
    if (!active || !viewport) return;
    const fit = (): void => {
      panel.current?.style.setProperty("--height", `${viewport.height}px`);
      panel.current?.style.setProperty("--top", `${viewport.offsetTop}px`);
    };
    fit();
    viewport.addEventListener("resize", fit);
    viewport.addEventListener("scroll", fit);
    return () => {
      viewport.removeEventListener("resize", fit);
      viewport.removeEventListener("scroll", fit);
    };
  }, [active]);
}

function keepInside(event: KeyboardEvent, panel: HTMLElement): void {
  const stops = panel.querySelectorAll<HTMLElement>("button, textarea, [tabindex='0']");
  const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
  const active = (panel.getRootNode() as ShadowRoot).activeElement;
  if (active !== edge && !(event.shiftKey && active === panel)) return;
  event.preventDefault();
  (event.shiftKey ? stops[stops.length - 1] : stops[0])?.focus();
}
