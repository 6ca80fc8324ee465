/** The station's clock beside the service's: how far it is off, measured whenever the service answers. */

const SECOND_MS = 1000;
const PRECISE_FOR_MS = 30 * 60 * 1000;
export const SKEW_MS = 2 * 60 * 1000;

/** Keeps the offset in milliseconds that must be added to this device's clock; null before anything was measured. */
export class Clock {
  #offsetMs = null;
  #uncertainMs = Infinity;
  #measuredAtMs = 0;

  constructor(offsetMs = null) {
    this.#offsetMs = offsetMs;
  }

  /** Learn from an answer: the second in its Date header, and this device's time before asking and after. */
  measure(serviceMs, askedMs, answeredMs) {
    const uncertainMs = (answeredMs - askedMs + SECOND_MS) / 2;
    // There was no such header, or the device's clock was set back while we waited.
    if (!(serviceMs > 0) || uncertainMs < 0) return;
    const isFresh = Math.abs(answeredMs - this.#measuredAtMs) < PRECISE_FOR_MS;
    if (isFresh && uncertainMs > this.#uncertainMs && !this.#hasJumped(serviceMs, answeredMs)) return;
    this.#offsetMs = Math.round(serviceMs + SECOND_MS / 2 - (askedMs + answeredMs) / 2);
    this.#uncertainMs = uncertainMs;
    this.#measuredAtMs = answeredMs;
  }

  #hasJumped(serviceMs, answeredMs) {
    return Math.abs(serviceMs - answeredMs - this.#offsetMs) > SKEW_MS;
  }

  get offsetMs() {
    return this.#offsetMs;
  }

  /** The service's time as well as we know it. */
  now() {
    return Date.now() + (this.#offsetMs ?? 0);
  }

  /** Whether the clock is so wrong that the service flags its records (W04). */
  get isWrong() {
    return this.#offsetMs !== null && Math.abs(this.#offsetMs) > SKEW_MS;
  }
}

/** An instant of this device's clock as records carry it: RFC 3339 in Beijing time. */
export function stamp(ms) {
  return new Date(ms + 8 * 3600 * 1000).toISOString().replace("Z", "+08:00");
}

/** Hours, minutes and seconds in Beijing time. */
export function timeOfDay(ms) {
  return stamp(ms).slice(11, 19);
}
