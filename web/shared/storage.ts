/** Small JSON values in the browser's storage. It may be full, forbidden or tampered with: never a reason to fail. */

export interface Store {
  read(key: string): unknown;
  write(key: string, value: unknown): void;
}

/** `area` is a function because a browser may throw on the mere mention of `localStorage`. */
export function browserStore(area: () => Storage): Store {
  return {
    read(key) {
      try {
        return JSON.parse(area().getItem(key) ?? "null") as unknown;
      } catch {
        return null;
      }
    },
    write(key, value) {
      try {
        if (value === null) area().removeItem(key);
        else area().setItem(key, JSON.stringify(value));
      } catch {
        // Without storage the conversation still works; it only is not remembered by this browser.
      }
    },
  };
}
