/** `POST /v1/session`: the shop's proof of who the buyer is, exchanged for a token of one conversation. */

export interface SessionRequest {
  conversation?: string;
  locale?: string;
  timezone?: string;
}

export interface Session {
  conversation: string;
  token: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** Path of the WebSocket on the same server. */
  socket: string;
  buyerName: string;
}

/** The server answered, but not with a session. `status` is the HTTP status, `message` says what to do. */
export class SessionError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Milliseconds the server asks to wait, 0 where it does not say. */
    readonly retryAfter: number,
  ) {
    super(message);
    this.name = "SessionError";
  }
}

const TIMEOUT_MS = 15_000;

/** Starts or resumes a conversation. Throws SessionError on a refusal and TypeError or DOMException without network. */
export async function startSession(
  server: string,
  shopToken: string,
  request: SessionRequest,
  fetcher: typeof fetch,
): Promise<Session> {
  const response = await fetcher(`${server}/v1/session`, {
    method: "POST",
    headers: { Authorization: `Bearer ${shopToken}`, "Content-Type": "application/json" },
    body: JSON.stringify(request),
    credentials: "omit",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body = (await response.json().catch(() => null)) as Record<string, unknown> | null;
  if (!response.ok) throw refusal(response, body);
  const { conversation, token } = body ?? {};
  if (typeof conversation !== "string" || typeof token !== "string") {
    throw new SessionError(502, "bad_answer", "The chat server's answer has no conversation or token.", 0);
  }
  const expires = Date.parse(String(body?.["expires_at"]));
  const buyer = body?.["buyer"] as { name?: unknown } | undefined;
  return {
    conversation,
    token,
    expiresAt: Number.isNaN(expires) ? Infinity : expires,
    socket: typeof body?.["socket"] === "string" ? body["socket"] : "/v1/socket",
    buyerName: typeof buyer?.name === "string" ? buyer.name : "",
  };
}

function refusal(response: Response, body: Record<string, unknown> | null): SessionError {
  const error = (body?.["error"] ?? {}) as { code?: unknown; message?: unknown };
  const seconds = Number(response.headers.get("Retry-After") ?? 0);
  return new SessionError(
    response.status,
    typeof error.code === "string" ? error.code : "",
    typeof error.message === "string" ? error.message : `The chat server answered ${response.status}.`,
    Number.isFinite(seconds) ? seconds * 1000 : 0,
  );
}
