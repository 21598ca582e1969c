import { expect, it } from "vitest";
import type { Order } from "./api";
import { FILTERS, filtered } from "./filters";

const order = (status: string) => ({ status, number: status }) as Order;
const orders = [
  "awaiting_payment",
  "to_ship",
  "partially_shipped",
  "shipped",
  "delivered",
  "cancelled",
  "new_status",
].map(order);

it("shows each order under All and at most one other tab", () => {
  const counts = Object.fromEntries(FILTERS.map(({ id }) => [id, filtered(orders, id).length]));
  expect(counts).toEqual({ all: 7, "to-pay": 1, "to-ship": 1, shipped: 2, completed: 1, cancelled: 1 });
});
