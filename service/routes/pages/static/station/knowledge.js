/**
 * What the station knows without a network: the keys of ticket codes, and the codes that are good no longer (W03, E37).
 *
 * The list of revocations only grows: what it said once stays until the code has run out anyway, whatever a later answer
 * leaves out (U20). It is believed for its signature, so that nobody between us and the service can shorten it.
 */
import { fromBase64, verifySignature } from "./keys.js";
import { keep, recall } from "./store.js";

const OLD_MS = 24 * 3600 * 1000;
const LIST = "meisu revocations 1";
const REASONS = { cancelled: "ticket-cancelled", lost: "ticket-lost", damaged: "print-replaced", ended: "ticket-used", "key-retired": "key-retired" };
const ALL_PRINTS = 256;

export class Knowledge {
  #kept;

  constructor(kept) {
    this.#kept = kept ?? { keys: new Map(), revoked: new Map(), version: 0, learnedAtMs: null };
  }

  static async recall() {
    return new Knowledge(await recall("knowledge"));
  }

  /** Learn what is new; `get(path)` asks the service. */
  async learn(get) {
    for (;;) {
      const { keys, revocations } = await get(`/v1/tickets/keys?since=${this.#kept.version}`);
      const known = new Map(keys.map((key) => [key.key_id, fromBase64(key.public_key)]));
      const retired = new Map(keys.filter((key) => key.retired_after).map((key) => [key.key_id, Date.parse(key.retired_after)]));
      const signed = new TextEncoder().encode(revocations.text);
      const key = known.get(revocations.key_id);
      if (!key || !(await verifySignature(key, fromBase64(revocations.signature), signed))) return;
      const [title, head, ...lines] = revocations.text.split("\n").filter(Boolean);
      const [since, version, latest] = head.split(" ").map(Number);
      if (title !== LIST || since !== this.#kept.version || version < since) return;

      const now = Date.now();
      const revoked = new Map([...this.#kept.revoked].filter(([, one]) => one.untilMs > now - OLD_MS));
      for (const line of lines) {
        const [, ticketId, number, printsBelow, because, until] = line.split(" ");
        revoked.set(ticketId, { number, printsBelow: Number(printsBelow), because, untilMs: 1000 * Number(until) });
      }
      this.#kept = { keys: known, retired, revoked, version, learnedAtMs: now };
      await keep("knowledge", this.#kept);
      if (version >= latest) return;
    }
  }

  /** Raw public keys by their id. */
  get keys() {
    return this.#kept.keys;
  }

  /** Why the printed code of a ticket is good no longer, or null. */
  whyRevoked({ ticketId, reissue }) {
    const found = this.#kept.revoked.get(ticketId);
    return found && reissue < found.printsBelow ? (REASONS[found.because] ?? "ticket-cancelled") : null;
  }

  /**
   * What is to be thought of a code by a key that somebody else may have, or null: one whose time begins after the key
   * was lost proves nothing; an earlier one may be dated back, and is asked for online.
   */
  whyDoubted({ keyId, validFromMs }) {
    const retiredMs = this.#kept.retired?.get(keyId);
    if (retiredMs === undefined) return null;
    return validFromMs >= retiredMs ? "key-retired" : "key-in-doubt";
  }

  /** Why a ticket is good no longer under any print, or null. */
  whyNumberRevoked(number) {
    for (const found of this.#kept.revoked.values()) {
      if (found.number === number && found.printsBelow >= ALL_PRINTS) return REASONS[found.because] ?? "ticket-cancelled";
    }
    return null;
  }

  /** Whether what is known is too old to be relied on for revocations. */
  get isOld() {
    return this.#kept.learnedAtMs === null || Date.now() - this.#kept.learnedAtMs > OLD_MS;
  }

  get isEmpty() {
    return this.#kept.keys.size === 0;
  }
}
