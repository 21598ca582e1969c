import { describe, expect, it } from "vitest";
import { datesFor } from "./dates";
import { textsFor } from "./texts";

const texts = textsFor("en");
const at = Date.parse("2026-03-01T23:30:00Z");
/** Browsers put different kinds of space before AM and PM. */
const plain = (text: string) => text.replace(/\s/g, " ");

describe("datesFor", () => {
  it.each([
    ["en-GB", "Europe/Berlin", "00:30"],
    ["en-US", "America/New_York", "6:30 PM"],
    ["de-DE", "Europe/Berlin", "00:30"],
    ["not a locale", "not a zone", /\d/],
    [undefined, undefined, /\d/],
  ])("tells the time of %s in %s", (locale, zone, expected) => {
    expect(plain(datesFor(locale, zone, texts).time(at))).toMatch(expected);
  });

  it("names the day in the buyer's time zone, in the language of the widget", () => {
    const { dayLabel } = datesFor("de-DE", "Europe/Berlin", texts);
    expect(dayLabel(at, at + 3_600_000)).toBe("Today");
    expect(dayLabel(at - 3_600_000, at)).toBe("Yesterday");
    expect(dayLabel(at - 3 * 86_400_000, at)).toBe("Friday, February 27");
    expect(datesFor("en-GB", "Europe/Berlin", texts).dayLabel(at - 3 * 86_400_000, at)).toBe("Friday 27 February");
  });

  it("says nothing where the time is unknown", () => {
    expect(datesFor("en-GB", "UTC", texts).time(NaN)).toBe("");
  });
});
