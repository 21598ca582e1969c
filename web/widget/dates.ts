/** Times as the buyer reads them: in the buyer's time zone and the habits of the buyer's country. */
import type { Texts } from "./texts";

export interface Dates {
  time: (at: number) => string;
  /** The same text for two times of the same day. */
  day: (at: number) => string;
  /** "Today", "Yesterday" or the date. */
  dayLabel: (at: number, now: number) => string;
}

const DAY_MS = 86_400_000;

/** Unknown locales and time zones are replaced by the browser's own. */
export function datesFor(locale: string | undefined, timezone: string | undefined, texts: Texts): Dates {
  const sameLanguage = locale?.toLowerCase().startsWith(texts.lang);
  const tags = sameLanguage ? [locale!, texts.lang] : [texts.lang];
  const format = (options: Intl.DateTimeFormatOptions): ((at: number) => string) => {
    const formatter = dateFormat(tags, options, timezone);
    return (at) => (Number.isNaN(at) ? "" : formatter.format(at));
  };
  const hourCycle = hourCycleOf(locale);
  const time = format({ hour: hourCycle === "h12" ? "numeric" : "2-digit", minute: "2-digit", hourCycle });
  const day = format({ dateStyle: "short" });
  const date = format({ weekday: "long", day: "numeric", month: "long" });
  return {
    time,
    day,
    dayLabel: (at, now) => {
      if (day(at) === day(now)) return texts.today;
      return day(at) === day(now - DAY_MS) ? texts.yesterday : date(at);
    },
  };
}

function dateFormat(tags: string[], options: Intl.DateTimeFormatOptions, timezone?: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(tags, timezone ? { ...options, timeZone: timezone } : options);
  } catch {
    return new Intl.DateTimeFormat(undefined, options);
  }
}

/** 24 hours or am and pm, as in the buyer's country, also where the words are in another language. */
function hourCycleOf(locale: string | undefined): "h12" | "h23" {
  try {
    return new Intl.DateTimeFormat(locale, { hour: "numeric" }).resolvedOptions().hour12 ? "h12" : "h23";
  } catch {
    return "h23";
  }
}
