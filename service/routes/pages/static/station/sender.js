/**
 * Sends what is kept, oldest first, until the service has answered each record; never changes what it sends.
 *
 * A record counts as sent only when its answer is kept. If the line breaks before that, the same records go again: the
 * service knows them by their ids and answers `duplicate`, and twice is once (W04).
 */
import { Problem, Unreachable } from "./api.js";
import { stamp } from "./clock.js";
import { countUnsent, keepAnswers, oldestUnsent } from "./queue.js";

const MOST_AT_ONCE = 100;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
// Said about whoever signed, not about the load: such a record waits for a device that is believed.
const NOT_BELIEVED = "device-unknown";
const LOCK = "meisu-station-sender";

export class Sender {
  #api;
  #device;
  #told;
  #atOnce = MOST_AT_ONCE;
  #waitMs = FIRST_WAIT_MS;
  #timer = null;
  #running = false;
  #again = false;

  /** `told(event)` hears `{kind: "answers", answers}`, `{kind: "online", isOnline, problem}` and `{kind: "unsent", count}`. */
  constructor(api, device, told) {
    this.#api = api;
    this.#device = device;
    this.#told = told;
  }

  /** Send now, whatever wait was left: a new record, the network back, or somebody pressed the button. */
  kick() {
    clearTimeout(this.#timer);
    this.#waitMs = FIRST_WAIT_MS;
    this.#run();
  }

  async #run() {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    try {
      do {
        this.#again = false;
        // Another window of the same station sends already: then there is nothing to do here.
        await navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => (lock ? this.#drain() : null));
      } while (this.#again);
      this.#waitMs = FIRST_WAIT_MS;
    } catch (error) {
      this.#told({ kind: "online", isOnline: error instanceof Problem, problem: error instanceof Problem ? error : null });
      if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
      const wait = error.retryAfterMs ?? this.#waitMs * (0.8 + 0.4 * Math.random());
      this.#timer = setTimeout(() => this.#run(), wait);
      this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
    } finally {
      this.#running = false;
    }
  }

  async #drain() {
    for (;;) {
      const entries = await oldestUnsent(this.#atOnce);
      if (!entries.length) return;
      await this.#send(entries);
      this.#told({ kind: "online", isOnline: true, problem: null });
      this.#told({ kind: "unsent", count: await countUnsent() });
    }
  }

  async #send(entries) {
    const records = await Promise.all(entries.map(async ({ text }) => ({ jws: await this.#device.signed(text) })));
    let given;
    try {
      given = await this.#device.ask((token) =>
        this.#api.post("/v1/weighings", { sent_at: stamp(Date.now()), records }, token),
      );
    } catch (error) {
      if (!(error instanceof Problem) || (error.status !== 422 && error.status !== 413)) throw error;
      // One record that the service cannot read must not hold the others back: find it by halves.
      if (entries.length > 1) {
        this.#atOnce = Math.ceil(entries.length / 2);
        return;
      }
      const [title, titleEn] = error.words;
      given = { results: [{ status: "refused", flags: [], problem: { code: error.code, title, title_en: titleEn } }] };
    }
    const isJudged = ({ problem }) => !problem || problem.code !== NOT_BELIEVED;
    const answers = entries.map(({ sequence }, place) => [sequence, given.results[place]]).filter(([, answer]) => isJudged(answer));
    await keepAnswers(answers);
    this.#atOnce = Math.min(2 * this.#atOnce, MOST_AT_ONCE);
    this.#told({ kind: "answers", answers });
    const unjudged = given.results.find((answer) => !isJudged(answer));
    if (unjudged) throw new Problem(409, unjudged.problem);
  }
}
