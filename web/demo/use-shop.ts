/** The state of the demo shop: who is shopping, and that buyer's orders, kept fresh. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, fetchBuyers, fetchOrders } from "./api";
import type { Buyer, Order } from "./api";
import { onChatMessage, showChat } from "./chat";

export interface Shop {
  buyers: readonly Buyer[];
  buyer: Buyer | null;
  /** null while they are loaded. */
  orders: readonly Order[] | null;
  /** Numbers of the orders whose status is not what it was at the last refresh. */
  changed: ReadonlySet<string>;
  failed: boolean;
  choose: (id: string) => void;
  reload: () => void;
}

const REFRESH_MS = 15_000;
/** An answer may be followed by a change that it announced. */
const AFTER_MESSAGE_MS = [150, 2_000];
const CHOICE = "lantern-market:buyer";

export function useShop(): Shop {
  const [buyers, setBuyers] = useState<readonly Buyer[]>([]);
  const [id, setId] = useState(() => readChoice());
  const [orders, setOrders] = useState<readonly Order[] | null>(null);
  const [changed, setChanged] = useState<ReadonlySet<string>>(new Set());
  const [failed, setFailed] = useState(false);
  const known = useRef<ReadonlyMap<string, string>>(new Map());
  const buyer = buyers.find((each) => each.id === id) ?? buyers[0] ?? null;
  const token = buyer?.token;

  const loadBuyers = useCallback(async () => {
    try {
      setBuyers(await fetchBuyers());
    } catch {
      setFailed(true);
    }
  }, []);

  const loadOrders = useCallback(async () => {
    if (!token) return;
    try {
      const fresh = await fetchOrders(token);
      const before = known.current;
      known.current = new Map(fresh.map(({ number, status_label: label }) => [number, label]));
      const news = fresh.filter(({ number, status_label: label }) => before.size > 0 && before.get(number) !== label);
      if (news.length) setChanged(new Set(news.map(({ number }) => number)));
      setOrders(fresh);
      setFailed(false);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) await loadBuyers();
      else setFailed(true);
    }
  }, [token]);

  useEffect(() => void loadBuyers(), []);
  useEffect(() => {
    if (buyer) showChat(buyer);
  }, [buyer]);
  useEffect(() => {
    known.current = new Map();
    setOrders(null);
    setChanged(new Set());
  }, [buyer?.id]);
  useEffect(() => {
    void loadOrders();
    return keepFresh(() => void loadOrders());
  }, [loadOrders]);

  const choose = (chosen: string): void => {
    writeChoice(chosen);
    setId(chosen);
  };
  const reload = (): void => void (buyers.length ? loadOrders() : loadBuyers());
  return { buyers, buyer, orders, changed, failed, choose, reload };
}

/** Calls `load` when the chat brings news, every now and then, and when the buyer comes back to the page. */
function keepFresh(load: () => void): () => void {
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const whenVisible = (): void => void (document.hidden || load());
  const interval = setInterval(whenVisible, REFRESH_MS);
  const off = onChatMessage(() => AFTER_MESSAGE_MS.forEach((delay) => timers.add(setTimeout(load, delay))));
  document.addEventListener("visibilitychange", whenVisible);
  return () => {
    clearInterval(interval);
    timers.forEach(clearTimeout);
    off();
    document.removeEventListener("visibilitychange", whenVisible);
  };
}

/** Per tab, so that two tabs can be two buyers. */
function readChoice(): string {
  try {
    return sessionStorage.getItem(CHOICE) ?? "";
  } catch {
    return "";
  }
}

function writeChoice(id: string): void {
  try {
    sessionStorage.setItem(CHOICE, id);
  } catch {
    // The choice is then forgotten on reload.
  }
}
