/** A product's picture: drawn from its title, always the same for the same title. Decoration only. */
import type { JSX } from "preact";

/** Line drawings on a 24 by 24 grid, by words in the title; the first that fits is taken. */
const DRAWINGS: readonly (readonly [RegExp, string])[] = [
  [
    "headphone|headset|earbud",
    "M4.5 14v-2a7.5 7.5 0 0 1 15 0v2M4.5 13.5h2.2v6H5.5a1 1 0 0 1-1-1zM19.5 13.5h-2.2v6h1.2a1 1 0 0 0 1-1z",
  ],
  ["speaker|radio|soundbar", "M7 3h10v18H7zM12 11a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 6.5h.1"],
  ["record player|tape|turntable", "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z"],
  ["lamp|lantern|light|bulb|candle", "M9 3h6M12 3v2M8 9.5a4 3.5 0 0 1 8 0v6a4 3.5 0 0 1-8 0zM12 10v5M10 21h4"],
  ["sleeping bag|tent|hammock", "M12 6L3 19h18zM12 6l-1.5-2M12 6l1.5-2M12 11l-3 8M12 11l3 8"],
  [
    "bag|backpack|rucksack|wallet|purse|suitcase",
    "M6 10a6 6 0 0 1 12 0v10H6zM9.5 5V4a1.5 1.5 0 0 1 1.5-1.5h2A1.5 1.5 0 0 1 14.5 4v1M9 14h6v6M9 14v6M9.5 10h5",
  ],
  [
    "shoe|sneaker|boot|sandal|slipper",
    "M3 9.5c2 1.5 4 .5 5-2l8 6c1.5 1 5 .5 5 4H3zM9.5 10.5l1.5-1.5M12 12.5l1.5-1.5M3 15h18",
  ],
  [
    "shirt|sweatshirt|jacket|coat|hoodie|sweater|dress|jeans|blouse",
    "M8.5 4L3 7.5 5 11l2-1v10h10V10l2 1 2-3.5L15.5 4a3.5 3.5 0 0 1-7 0z",
  ],
  ["belt|scarf|strap", "M3 9h18v6H3zM9 7.5h6v9H9zM12 12h3"],
  ["coffee|espresso|beans", "M8 18C4 15 5 8 11 6s10 2 8 8-8 7-11 4zM8.5 17.5C11 15 10 12 12.5 11s4-2 5-4.5"],
  ["mug|cup|tea|kettle|teapot", "M5 8h11v7a4 4 0 0 1-4 4H9a4 4 0 0 1-4-4zM16 10h1.5a2.5 2.5 0 0 1 0 5H16M9 3v2M12 3v2"],
  ["board|tray", "M4.5 8h15v8h-15zM2.5 12h2M19.5 12h2M7.5 12h9"],
  [
    "knife|pan|skillet|spoon|cutlery|bowl|plate|stove",
    "M4 11h16a8 8 0 0 1-5 7.5V20H9v-1.5A8 8 0 0 1 4 11zM9 3.5c-1 1.5 1 2.5 0 4M13 3.5c-1 1.5 1 2.5 0 4",
  ],
  ["keyboard|mouse|laptop", "M3 7h18v10H3zM6.5 10h.1M10 10h.1M13.5 10h.1M17 10h.1M6.5 13.5h.1M9 13.5h6M17 13.5h.1"],
  ["monitor|screen|television", "M4 5h16v11H4zM12 16v4M8.5 20h7"],
  ["ssd|hub|drive", "M7 3.5h10v17H7zM10 7.5h4M10 16.5h.1M13 16.5h.1"],
  ["cable|charger|usb|adapter|power bank|battery", "M9 3v4M15 3v4M7 7h10v4a5 5 0 0 1-10 0zM12 16v2a3 3 0 0 0 3 3h2"],
  ["printer|typewriter", "M7 9V4h10v5M5 9h14v7H5zM8 14h8v6H8z"],
  ["camera|webcam|lens|tripod", "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"],
  ["telescope|binocular", "M4 14l11-6 2.5 4.5-11 6zM15 7l3-1.5 3 6-3 1.5M10 16l-2 5M12 15l3 6"],
  [
    "watch|clock|timer",
    "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM9.5 7.5L10 3h4l.5 4.5M9.5 16.5L10 21h4l.5-4.5M12 9.5V12l1.5 1",
  ],
  ["phone|case", "M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2"],
  ["bookcase|shelf|chair|stool|desk|table|sofa", "M7 3v9h10V3M7 12v9M17 12v9M5.5 12h13M7 7h10"],
  [
    "book|notebook|journal|planner|diary",
    "M6 4h11a1 1 0 0 1 1 1v15H7.5A1.5 1.5 0 0 1 6 18.5zM6 18.5A1.5 1.5 0 0 1 7.5 17H18M9.5 8h5M9.5 11h3",
  ],
  ["pen|ink|pencil", "M12 3l4.5 8-3 6h-3l-3-6zM12 3v8M10 20.5h4"],
  ["kite", "M12 3l6 7-6 8-6-8zM12 3v15M6 10h12M12 18c-2 1.5 2 2 0 4"],
  ["train", "M6 5h12v11H6zM6 11h12M9 16l-2 4M15 16l2 4M9 13.5h.1M15 13.5h.1"],
  ["toy|puzzle|game|doll|block", "M5 9h3.5a1.8 1.8 0 1 1 3 0H15v3.5a1.8 1.8 0 1 1 0 3V20H5z"],
  [
    "plant|seed|flower|herb|tree|monstera",
    "M8 15h8l-1 6H9zM12 15V9M12 11C8 11 7 8 7 5.5c3 0 5 1.5 5 5.5zM12 9c0-3 2-4.5 5-4.5 0 3-1.5 5-5 5",
  ],
  ["watering can", "M6 9h9v10H6zM15 12l5-5M18.5 5.5l3 3M6 12H4.5a2 2 0 0 0 0 4H6M8 9V6.5h5V9"],
  ["bottle|shampoo|cream|oil|perfume|soap", "M10 3h4v3l2 3v11a1 1 0 0 1-1 1H9a1 1 0 0 1-1-1V9l2-3zM8 12.5h8M8 17h8"],
  [
    "pillow|blanket|towel|duvet|linen|bedding|curtain|rug|cushion",
    "M5 6c4 1.5 10 1.5 14 0-1.5 4-1.5 8 0 12-4-1.5-10-1.5-14 0 1.5-4 1.5-8 0-12zM9.5 10c1.5.5 3.5.5 5 0",
  ],
  [
    "ring|necklace|earring|bracelet|locket",
    "M12 9.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM9 3h6l1.5 2.5L12 9.5 7.5 5.5zM7.5 5.5h9",
  ],
  ["mirror", "M12 3a6 7.5 0 1 0 0 15 6 7.5 0 0 0 0-15zM12 18v3M9 21h6M9.5 9.5l3.5-3.5"],
].map(([words, path]) => [new RegExp(`\\b(${words})(s|es)?\\b`, "i"), path!]);
const PARCEL = "M4 8l8-4 8 4v9l-8 4-8-4zM4 8l8 4 8-4M12 12v9M8 6l8 4v3";

export function Tile({ title }: { title: string }): JSX.Element {
  const hash = hashOf(title);
  const hue = hash % 360;
  const drawing = DRAWINGS.find(([words]) => words.test(title))?.[1] ?? PARCEL;
  return (
    <svg class="tile" viewBox="0 0 64 64" aria-hidden="true" focusable="false">
      <rect width="64" height="64" fill={`hsl(${hue} 48% 89%)`} />
      <circle
        cx={12 + ((hash >>> 9) % 40)}
        cy={14 + ((hash >>> 15) % 36)}
        r={20 + ((hash >>> 21) % 12)}
        fill={`hsl(${hue} 52% 81%)`}
      />
      <path
        d={drawing}
        transform="translate(10 10) scale(1.85)"
        fill="none"
        stroke={`hsl(${hue} 45% 27%)`}
        stroke-width="1.3"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}
