/** Icons are decoration: the words beside them or the button's label say the same. */
import type { JSX } from "preact";

function icon(path: string): () => JSX.Element {
  return () => (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={path} />
    </svg>
  );
}

export const ChatIcon = icon(
  "M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM8 9h8M8 12.5h5",
);
export const CloseIcon = icon("M6 6l12 12M18 6L6 18");
export const SendIcon = icon("M12 19V5M5.5 11.5L12 5l6.5 6.5");
export const SentIcon = icon("M5 12.5l4.5 4.5L19 7.5");
export const ClockIcon = icon("M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.5");
export const AlertIcon = icon("M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v5M12 15.8v.4");
export const DownIcon = icon("M12 5v14M5.5 12.5L12 19l6.5-6.5");
