/** What the station knows without a network: the keys of ticket codes, and the codes that are good no longer (W03). */
import { fromBase64 } from "./keys.js";
import { keep, recall } from "./store.js";

const OLD_MS = 24 * 3600 * 1000;

export class Knowledge {
  #kept;

  constructor(kept) {
    this.#kept = kept ?? { keys: [], revoked: [], learnedAtMs: null };
    this.#index();
  }

  static async recall() {
    return new Knowledge(await recall("knowledge"));
  }

  /** Learn what is new; `get(path)` asks the service. */
  async learn(get) {
    const answer = await get("/v1/tickets/keys");
    this.#kept = {
      keys: answer.keys.map((key) => [key.key_id, fromBase64(key.public_key)]),
      revoked: answer.revocations.map((one) => one.ticket_id),
      learnedAtMs: Date.now(),
    };
    this.#index();
    await keep("knowledge", this.#kept);
  }

  /** Raw public keys by their id. */
  get keys() {
    return this.keysById;
  }

  isRevoked(code) {
    return this.revoked.has(code.ticketId);
  }

  /** Whether what is known is too old to be relied on for revocations. */
  get isOld() {
    return this.#kept.learnedAtMs === null || Date.now() - this.#kept.learnedAtMs > OLD_MS;
  }

  get isEmpty() {
    return this.#kept.keys.length === 0;
  }

  #index() {
    this.keysById = new Map(this.#kept.keys);
    this.revoked = new Set(this.#kept.revoked);
  }
}
