/**
 * The scale: a serial port (Web Serial, or anything with its interface), a driver, and what may be taken as a weight.
 *
 * Each reading gets a number that none before it had, in whichever session: the millisecond in which it was heard. A weight may be taken only from a reading that is stable, fresh, and later than a moment
 * in which the scale moved since the last weight was taken: an indicator that hangs is not a truck (E17).
 */

const FRESH_MS = 2000;
const MOVED_KG = 100;
const AGAIN_MS = 1500;

export class Scale {
  #driver;
  #told;
  #port = null;
  #reader = null;
  #isWanted = false;
  #sequence = 0;
  #number = 0;
  #faults = 0;
  #last = null;
  #taken = null;

  /** `told(scale)` is called whenever there is something new to show. */
  constructor(driver, told) {
    this.#driver = driver;
    this.#told = told;
  }

  /** `off`, `silent`, `moving`, `stable`, `stuck`, or the fault that the indicator's last frame had, for a visit. */
  stateFor(visitId) {
    if (!this.#port) return "off";
    if (!this.#last || Date.now() - this.#last.atMs > FRESH_MS) return "silent";
    if (this.#last.fault) return this.#last.fault;
    if (!this.#last.isStable) return "moving";
    return this.#taken === null || this.#taken.visitId === visitId ? "stable" : "stuck";
  }

  /** Kilograms on the display, or null. */
  get kg() {
    const isHeard = this.#port && this.#last && Date.now() - this.#last.atMs <= FRESH_MS;
    return isHeard && !this.#last.fault ? this.#last.kg : null;
  }

  get sequence() {
    return this.#sequence;
  }

  get faults() {
    return this.#faults;
  }

  /** The weight on the scale, for one visit; null where none may be taken. */
  take(visitId) {
    if (this.stateFor(visitId) !== "stable" || this.#last.kg <= 0) return null;
    this.#taken = { visitId, kg: this.#last.kg };
    return { kg: this.#last.kg, atMs: this.#last.atMs, reading: this.#number };
  }

  /** Listen to a port until `close`; a port that goes away is opened again when it comes back. */
  async open(port) {
    this.#port = port;
    this.#isWanted = true;
    while (this.#isWanted) {
      try {
        await port.open(this.#driver.serial);
        await this.#listen(port);
      } catch {
        // Unplugged, or taken by another program: it is tried again, and the page says that the scale is silent.
      }
      try {
        await port.close();
      } catch {
        // It is closed already.
      }
      if (this.#isWanted) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  async close() {
    this.#isWanted = false;
    this.#port = null;
    this.#last = null;
    if (this.#reader) await this.#reader.cancel().catch(() => {});
    this.#told(this);
  }

  async #listen(port) {
    // A break or a parity error ends the stream but not the port, which has a new stream at once.
    let stream = null;
    while (this.#isWanted && port.readable && port.readable !== stream) {
      stream = port.readable;
      const feed = this.#driver.reader();
      this.#reader = stream.getReader();
      try {
        for (;;) {
          const { value, done } = await this.#reader.read();
          if (done) break;
          this.#hear(feed(value));
        }
      } catch {
        this.#faults += 1;
      } finally {
        this.#reader.releaseLock();
        this.#reader = null;
      }
    }
  }

  #hear(readings) {
    for (const reading of readings) {
      if (reading.fault) {
        this.#faults += 1;
      } else {
        this.#sequence += 1;
        this.#number = Math.max(this.#number + 1, Date.now());
        if (!reading.isStable || (this.#taken !== null && Math.abs(reading.kg - this.#taken.kg) > MOVED_KG)) this.#taken = null;
      }
      this.#last = { ...reading, atMs: Date.now() };
    }
    if (readings.length) this.#told(this);
  }
}

/** Whether this browser can speak to scales. */
export function hasSerial() {
  return "serial" in navigator;
}
