/** The demo shop's two endpoints. They exist only where the gateway runs in demo mode. */

export interface Buyer {
  id: string;
  name: string;
  country: string;
  locale: string;
  timezone: string;
  /** The shop's token (JWT) of this buyer. */
  token: string;
}

export interface Order {
  number: string;
  /** UTC, ISO 8601. */
  placed_at: string;
  status: string;
  status_label: string;
  /** Which situation the order shows, for example "paid_unsent". */
  scenario: string | null;
  seller: string;
  total: { amount_minor: number; currency: string; text: string };
  lines: { title: string; qty: number }[];
  /** What is pending, in words; may be empty. */
  note: string | null;
}

export class ApiError extends Error {
  constructor(readonly status: number) {
    super(`The shop answered ${status}.`);
  }
}

export const fetchBuyers = (): Promise<Buyer[]> => get<Buyer[]>("/demo/buyers");

/** Throws ApiError with status 401 when the token has run out: fetch the buyers again. */
export const fetchOrders = (token: string): Promise<Order[]> => get<Order[]>("/demo/orders", token);

async function get<T>(path: string, token?: string): Promise<T> {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { headers, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new ApiError(response.status);
  return (await response.json()) as T;
}
