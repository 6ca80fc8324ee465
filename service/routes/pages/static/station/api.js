/** The service as this device asks it: JSON in and out, problems as errors with words, and a clock that learns. */

const PATIENCE_MS = 20_000;

/** The service refused: what it said, in both languages. */
export class Problem extends Error {
  constructor(status, body, retryAfterMs = null) {
    super(body.title ?? `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? "unexpected";
    this.words = [body.title ?? `服务答复 ${status}`, body.title_en ?? `The service answered ${status}`];
    this.retryAfterMs = retryAfterMs;
  }
}

/** The service could not be reached, or somebody else answered in its place. */
export class Unreachable extends Error {}

export class Api {
  #clock;

  constructor(clock) {
    this.#clock = clock;
  }

  get(path, token) {
    return this.#ask("GET", path, { token });
  }

  post(path, json, token) {
    return this.#ask("POST", path, { token, body: JSON.stringify(json), type: "application/json" });
  }

  /** An OAuth form to the token endpoint. */
  form(path, fields) {
    return this.#ask("POST", path, { body: new URLSearchParams(fields), type: "application/x-www-form-urlencoded" });
  }

  async #ask(method, path, { token, body, type }) {
    const headers = { Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (type) headers["Content-Type"] = type;
    const asked = Date.now();
    let answer;
    let given;
    try {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
      try {
        answer = await fetch(path, { method, headers, body, cache: "no-store", credentials: "omit", signal: patience.signal });
        given = await answer.text();
      } finally {
        clearTimeout(timer);
      }
    } catch (error) {
      throw new Unreachable(String(error));
    }
    this.#clock.measure(Date.parse(answer.headers.get("Date")), asked, Date.now());

    let json = null;
    try {
      json = given ? JSON.parse(given) : null;
    } catch {
      // A sign-in page of the network in between, a proxy's error page: not the service.
      throw new Unreachable(`HTTP ${answer.status} without JSON`);
    }
    if (!answer.ok) {
      const wait = Number(answer.headers.get("Retry-After"));
      throw new Problem(answer.status, json ?? {}, wait > 0 ? wait * 1000 : null);
    }
    return json;
  }
}
