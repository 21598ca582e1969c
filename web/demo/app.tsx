/** Lantern Market: an invented shop around the chat. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { openChat } from "./chat";
import { FILTERS, filtered } from "./filters";
import type { Filter } from "./filters";
import { OrderCard } from "./order-card";
import { useShop } from "./use-shop";
import type { Shop } from "./use-shop";

const SUGGESTIONS = [
  "I want to cancel my last order",
  "Where is my refund?",
  "What is the status of my orders?",
  "I want to talk to a person",
];

export function App(): JSX.Element {
  const shop = useShop();
  return (
    <>
      <TopBar shop={shop} />
      <main>
        <Explanation />
        <Orders shop={shop} key={shop.buyer?.id} />
      </main>
      <footer>
        <p>Lantern Market does not exist. No goods, no payments, no real people.</p>
      </footer>
    </>
  );
}

function TopBar({ shop: { buyers, buyer, choose } }: { shop: Shop }): JSX.Element {
  return (
    <header class="bar">
      <div class="inner">
        <p class="brand">
          <svg viewBox="3 2 26 28" aria-hidden="true" focusable="false">
            <path d="M12 4h8M16 4v3M10.5 12a5.5 4.5 0 0 1 11 0v10a5.5 4.5 0 0 1-11 0zM16 12v9M10.5 17h11M13 29h6" />
          </svg>
          Lantern Market
        </p>
        <p class="picker">
          <label for="buyer">You are shopping as</label>
          <select
            id="buyer"
            value={buyer?.id ?? ""}
            disabled={buyers.length === 0}
            onChange={(event) => choose(event.currentTarget.value)}
          >
            {buyers.map(({ id, name, country }) => (
              <option key={id} value={id}>
                {name} ({country})
              </option>
            ))}
          </select>
        </p>
      </div>
    </header>
  );
}

function Explanation(): JSX.Element {
  return (
    <section class="about" aria-labelledby="about">
      <h2 id="about">This is a demo shop</h2>
      <p>
        Buyers, sellers and orders are invented, and nothing you do here costs anything. Choose a buyer above and ask
        the order support about an order, in your own words. For example:
      </p>
      <ul>
        {SUGGESTIONS.map((text) => (
          <li key={text}>
            <button type="button" onClick={() => void openChat(text)}>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Orders({ shop }: { shop: Shop }): JSX.Element {
  const [filter, setFilter] = useState<Filter>("all");
  return (
    <section aria-labelledby="orders">
      <h1 id="orders">My orders</h1>
      <div class="tabs" role="group" aria-label="Show orders">
        {FILTERS.map(({ id, label }) => (
          <button type="button" key={id} aria-pressed={id === filter} onClick={() => setFilter(id)}>
            {label} <span class="count">{shop.orders ? filtered(shop.orders, id).length : ""}</span>
          </button>
        ))}
      </div>
      <p class="hidden" role="status">
        {newsText(shop)}
      </p>
      <OrderList shop={shop} filter={filter} />
    </section>
  );
}

function OrderList({ shop, filter }: { shop: Shop; filter: Filter }): JSX.Element {
  const { orders, buyer, changed, failed, reload } = shop;
  if (failed && !orders) {
    return (
      <div class="empty" role="alert">
        <p>The shop cannot be reached at the moment.</p>
        <button type="button" class="primary" onClick={reload}>
          Try again
        </button>
      </div>
    );
  }
  if (!orders || !buyer) return <p class="empty">Loading orders…</p>;
  const shown = filtered(orders, filter);
  if (shown.length === 0) return <p class="empty">No orders here.</p>;
  return (
    <ul class="cards">
      {shown.map((order) => (
        <OrderCard key={order.number} order={order} buyer={buyer} changed={changed.has(order.number)} />
      ))}
    </ul>
  );
}

function newsText({ orders, changed }: Shop): string {
  const news = orders?.filter(({ number }) => changed.has(number)) ?? [];
  return news.map(({ number, status_label: label }) => `Order ${number}: ${label}`).join(". ");
}
