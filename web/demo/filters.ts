/** The tabs of "My orders". */
import type { Order } from "./api";

export type Filter = "all" | "to-pay" | "to-ship" | "shipped" | "completed" | "cancelled";

export const FILTERS: readonly { id: Filter; label: string }[] = [
  { id: "all", label: "All" },
  { id: "to-pay", label: "To pay" },
  { id: "to-ship", label: "To ship" },
  { id: "shipped", label: "Shipped" },
  { id: "completed", label: "Completed" },
  { id: "cancelled", label: "Cancelled" },
];

const TAB_OF: Readonly<Record<string, Filter>> = {
  awaiting_payment: "to-pay",
  payment_review: "to-pay",
  to_ship: "to-ship",
  cancellation_requested: "to-ship",
  on_hold: "to-ship",
  partially_shipped: "shipped",
  shipped: "shipped",
  delivered: "completed",
  completed: "completed",
  cancelled: "cancelled",
  closed: "cancelled",
};

/** The tab of an order; null for a status that only "All" shows. */
export function tabOf(status: string): Filter | null {
  return TAB_OF[status] ?? null;
}

/** Nothing more will happen to the order by itself. */
export function isDone(status: string): boolean {
  return ["completed", "cancelled"].includes(tabOf(status) ?? "");
}

export function filtered(orders: readonly Order[], filter: Filter): readonly Order[] {
  return filter === "all" ? orders : orders.filter(({ status }) => tabOf(status) === filter);
}
