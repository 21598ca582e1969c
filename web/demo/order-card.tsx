import type { JSX } from "preact";
import type { Buyer, Order } from "./api";
import { openChat } from "./chat";
import { isDone, tabOf } from "./filters";
import { Tile } from "./tile";

interface OrderCardProps {
  order: Order;
  buyer: Buyer;
  changed: boolean;
}

export function OrderCard({ order, buyer, changed }: OrderCardProps): JSX.Element {
  const id = `order-${order.number}`;
  return (
    <li class={changed ? "card changed" : "card"} aria-labelledby={id}>
      <div class="card-head">
        <div>
          <h2 id={id}>
            <span class="hidden">Order </span>
            {order.number}
          </h2>
          <p>
            <time dateTime={order.placed_at}>{dateText(order.placed_at, buyer)}</time> · {order.seller}
          </p>
        </div>
        <p class={`chip ${tabOf(order.status) ?? ""}`}>{order.status_label}</p>
      </div>
      <ul class="lines">
        {order.lines.map(({ title, qty }, index) => (
          <li key={index}>
            <Tile title={title} />
            <span class="title">{title}</span>
            <span class="qty">
              <span class="hidden">Quantity </span>×{qty}
            </span>
          </li>
        ))}
      </ul>
      {order.note && <p class={isDone(order.status) ? "note done" : "note"}>{order.note}</p>}
      <div class="card-foot">
        <p>
          Total <strong>{order.total.text}</strong>
        </p>
        <button
          type="button"
          class="primary"
          aria-describedby={id}
          onClick={() => void openChat(`About order ${order.number}: `)}
        >
          Get help with this order
        </button>
      </div>
      {order.scenario && <p class="scenario">Demo case: {order.scenario.replaceAll("_", " ")}</p>}
    </li>
  );
}

function dateText(iso: string, { locale, timezone }: Buyer): string {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return "";
  const tag = locale.startsWith("en") ? locale : "en-GB";
  return new Intl.DateTimeFormat(tag, { day: "numeric", month: "short", year: "numeric", timeZone: timezone }).format(
    at,
  );
}
