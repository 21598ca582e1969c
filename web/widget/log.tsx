/** The conversation itself: messages by day and author, the answers to choose from, the typing dots. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ChatState } from "../shared/client";
import type { Button } from "../shared/protocol";
import type { Dates } from "./dates";
import { AlertIcon, ClockIcon, DownIcon, SentIcon } from "./icons";
import type { Texts } from "./texts";
import { timeline } from "./timeline";
import type { Row } from "./timeline";

export interface LogActions {
  press: (button: Button) => void;
  resend: (cid: string) => void;
  discard: (cid: string) => void;
}

interface LogProps {
  state: ChatState;
  texts: Texts;
  dates: Dates;
  actions: LogActions;
}

const NEAR_END_PX = 48;
const MARGIN_PX = 12;

export function Log({ state, texts, dates, actions }: LogProps): JSX.Element {
  const rows = timeline(state.loaded ? state : { ...state, messages: [] }, dates.day);
  const loading = !state.loaded && (state.connection === "connecting" || state.connection === "online");
  const { ref, onScroll, behind, toEnd } = useStickyEnd(rows);
  const live = useLiveAfterHistory(state.loaded);
  return (
    <div class="middle">
      <div
        class="log"
        role="log"
        aria-label={texts.conversation}
        aria-live={live ? "polite" : "off"}
        tabIndex={0}
        ref={ref}
        onScroll={onScroll}
      >
        {loading && <Skeleton />}
        {rows.map((row) => (
          <MessageRow key={row.key} row={row} texts={texts} dates={dates} actions={actions} />
        ))}
        {state.typing && <TypingDots />}
      </div>
      {behind && (
        <button
          type="button"
          class="to-end"
          onClick={() => {
            toEnd();
            ref.current?.focus();
          }}
        >
          <DownIcon />
          {texts.moreBelow}
        </button>
      )}
    </div>
  );
}

function MessageRow({ row, texts, dates, actions }: Omit<LogProps, "state"> & { row: Row }): JSX.Element {
  return (
    <>
      {row.startsDay && !Number.isNaN(row.at) && <p class="day">{dates.dayLabel(row.at, Date.now())}</p>}
      <div class={`message ${row.author}${row.startsGroup ? " first" : ""}`}>
        <span class={row.startsGroup && row.author !== "buyer" ? "author" : "hidden"}>{texts.author[row.author]}</span>
        <div class="bubble" dir="auto">
          {keepNumbersWhole(row.text)}
        </div>
        {(row.endsGroup || row.delivery === "failed") && (
          <Meta row={row} texts={texts} dates={dates} actions={actions} />
        )}
        {row.buttons.length > 0 && (
          <div class="choices" role="group" aria-label={texts.choices}>
            {row.buttons.map((button) => (
              <button
                type="button"
                class="choice"
                dir="auto"
                key={button.token}
                onClick={once(() => actions.press(button))}
              >
                {keepNumbersWhole(button.title)}
              </button>
            ))}
          </div>
        )}
      </div>
    </>
  );
}

function Meta({ row, texts, dates, actions }: Omit<LogProps, "state"> & { row: Row }): JSX.Element {
  const { delivery, cid, at } = row;
  if (delivery === "failed" && cid !== null) {
    return (
      <div class="meta failed">
        <AlertIcon />
        <span>{texts.delivery.failed}</span>
        <button type="button" class="link" onClick={() => actions.resend(cid)}>
          {texts.resend}
        </button>
        <button type="button" class="link" onClick={() => actions.discard(cid)}>
          {texts.discard}
        </button>
      </div>
    );
  }
  return (
    <div class="meta">
      {!Number.isNaN(at) && <time dateTime={new Date(at).toISOString()}>{dates.time(at)}</time>}
      {delivery && (delivery === "sent" ? <SentIcon /> : <ClockIcon />)}
      {delivery && <span class="hidden">{texts.delivery[delivery]}</span>}
    </div>
  );
}

/** Order numbers are not torn apart at the end of a line, nor turned round in a text from right to left. */
function keepNumbersWhole(text: string): (string | JSX.Element)[] {
  return text.split(/\b(RC-\d{4}-\d{4})\b/).map((part, index) => (index % 2 ? <bdi key={index}>{part}</bdi> : part));
}

/** The second click of a double click may hit the next question's button, which by then is in the same place. */
function once(action: () => void): (event: MouseEvent) => void {
  return ({ detail }) => {
    if (detail < 2) action();
  };
}

/** The status line tells the same to screen readers. */
function TypingDots(): JSX.Element {
  return (
    <div class="message bot first" aria-hidden="true">
      <div class="bubble dots">
        <i />
        <i />
        <i />
      </div>
    </div>
  );
}

function Skeleton(): JSX.Element {
  return (
    <div class="skeleton" aria-hidden="true">
      <i />
      <i />
      <i />
    </div>
  );
}

/**
 * Keeps the newest message in view while the buyer is at the end, of a long one its beginning. Otherwise `behind` says that
 * there is something new below.
 */
function useStickyEnd(rows: readonly Row[]) {
  const ref = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [behind, setBehind] = useState(false);
  const last = rows.at(-1);

  const follow = (): void => {
    const log = ref.current!;
    const end = log.scrollHeight - log.clientHeight;
    const newest = (log.lastElementChild as HTMLElement | null)?.offsetTop ?? end;
    const top = Math.min(end, newest - MARGIN_PX);
    log.scrollTo({ top });
    atEnd.current = end - top < NEAR_END_PX;
    setBehind(!atEnd.current);
  };
  const toEnd = (): void => ref.current?.scrollTo({ top: ref.current.scrollHeight });
  const onScroll = (): void => {
    // A last scroll event may come after the log is gone.
    const log = ref.current;
    if (!log) return;
    atEnd.current = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
    if (atEnd.current) setBehind(false);
  };

  useLayoutEffect(() => {
    if (atEnd.current || last?.delivery === "sending") follow();
    else setBehind(true);
  }, [last?.key]);
  // Buttons, marks and dots change the height without a new message.
  useLayoutEffect(() => {
    if (atEnd.current) toEnd();
  });
  useEffect(() => {
    const observer = new ResizeObserver(() => atEnd.current && toEnd());
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, []);

  return { ref, onScroll, behind, toEnd };
}

/** History is rendered while the region is silent, or a screen reader would read all of it aloud. */
function useLiveAfterHistory(loaded: boolean): boolean {
  const [live, setLive] = useState(false);
  useEffect(() => {
    if (!loaded) return;
    const timer = setTimeout(() => setLive(true), 300);
    return () => clearTimeout(timer);
  }, [loaded]);
  return live;
}
