/** One truck at a time: what is known of it, what is missing, and how it becomes a record. */
import { Problem, Unreachable } from "./api.js";
import { judge, levelOf, likelyDirection, reasonsShown, ticketKnown, ticketOf } from "./check.js";
import { stamp } from "./clock.js";
import { plateAsSeen } from "./codes.js";
import { keepRecord, weighedTickets } from "./queue.js";
import { NO_EXTRAS, forget, lacks, netOf, newVisit, park, recordOf, tareOf, tareToStore } from "./visits.js";

const LEVELS = ["bad", "warn", "good"];

export class Desk {
  #device;
  #knowledge;
  #clock;
  #api;
  #told;
  #seen = new Map();
  #isBusy = false;

  /** `told(event)` hears `{kind: "visit"}`, `{kind: "recorded", entry, visit}` and `{kind: "said", level, code}`. */
  constructor({ api, device, knowledge, clock, told }) {
    this.#api = api;
    this.#device = device;
    this.#knowledge = knowledge;
    this.#clock = clock;
    this.#told = told;
    this.visit = this.#newVisit();
    this.storedTare = null;
  }

  /** Know again which tickets this scale has weighed. */
  async remember() {
    const weighed = await weighedTickets();
    this.#seen.clear();
    for (const [number, direction] of weighed) this.#saw(number, direction);
  }

  get lacks() {
    return lacks(this.visit);
  }

  get netKg() {
    return netOf(this.visit);
  }

  get isEmpty() {
    const { verdict, plate, gross, tare } = this.visit;
    return !verdict && !plate && !gross && !tare;
  }

  /**
   * The readings of one scan: the first that proves itself counts; one that proves nothing is shown with its reason.
   * Whether a ticket was taken.
   */
  async scanned(texts) {
    // While we look, the truck may be recorded or sent away: what is found belongs to this visit alone.
    const { visit } = this;
    const found = await Promise.all([...new Set(texts)].map((text) => this.#judge(text, visit.plate)));
    found.sort((one, other) => LEVELS.indexOf(other.level) - LEVELS.indexOf(one.level));
    // Two tickets in one scan: which of them lies on the table cannot be known.
    const numbers = new Set(found.filter(({ code }) => code).map(({ number }) => number));
    let verdict = numbers.size > 1 ? await this.#judge(texts.join(""), visit.plate) : found[0];
    const { gross, tare, verdict: before } = visit;
    if ((gross || tare) && before && before.number && verdict.number !== before.number) {
      this.#told({ kind: "said", level: "bad", code: "one-at-a-time" });
      return false;
    }
    if (verdict.code && !visit.plate) {
      visit.plate = verdict.code.plate;
      verdict = await this.#judge(verdict.text, visit.plate);
    }
    if (this.visit !== visit) return false;
    if (verdict.code) this.#turn(visit, ticketOf(verdict.code));
    visit.verdict = verdict;
    await this.#changed();
    this.#told({ kind: "verdict", level: verdict.level });
    this.#askOnline(visit);
    return Boolean(verdict.number);
  }

  async setPlate(text) {
    const { visit } = this;
    visit.plate = plateAsSeen(text);
    const { verdict } = visit;
    if (verdict && verdict.code) visit.verdict = { ...(await this.#judge(verdict.text, visit.plate)), online: verdict.online };
    await this.#changed();
    if (verdict) this.#askOnline(visit);
  }

  /** What is said beside the weights; kept with the truck like a weight. */
  async setExtras(extras) {
    const { visit } = this;
    visit.extras = extras;
    if (!this.isEmpty) await park(visit);
    await this.#changed();
  }

  setDirection(direction) {
    this.visit.direction = direction;
    this.visit.isDirectionChosen = true;
    return this.#changed();
  }

  /** Take a weight, `gross` or `tare`, from the scale or from a hand. */
  async setWeight(side, weight) {
    const { visit } = this;
    visit[side] = weight;
    await park(visit);
    await this.#changed();
  }

  useStoredTare() {
    return this.setWeight("tare", { kg: this.storedTare.kg, atMs: this.storedTare.atMs, stored: true });
  }

  /** Keep the load; it is on the disk before anybody is told. */
  async record() {
    if (this.#isBusy || this.lacks.length) return;
    this.#isBusy = true;
    try {
      const { visit } = this;
      const { record, weighedAtMs } = recordOf(visit);
      const number = visit.verdict ? visit.verdict.number : null;
      const entry = await keepRecord(
        { ...record, weighed_at: stamp(weighedAtMs) },
        { number, visitId: visit.id, tare: tareToStore(visit) },
      );
      this.#saw(number, record.direction);
      this.visit = this.#newVisit();
      await this.#changed();
      this.#told({ kind: "recorded", entry, visit });
    } catch (error) {
      this.#told({ kind: "said", level: "bad", code: "not-kept" });
      throw error;
    } finally {
      this.#isBusy = false;
    }
  }

  /** Let the truck go and come back: it waits in the list. */
  async park() {
    if (this.isEmpty) return;
    await park(this.visit);
    this.visit = this.#newVisit();
    await this.#changed();
    this.#told({ kind: "said", level: "good", code: "parked" });
  }

  async resume(visit) {
    if (!this.isEmpty) await park(this.visit);
    this.visit = visit;
    await this.#changed();
  }

  /** Forget this truck: it was a mistake. */
  async clear() {
    const { visit } = this;
    this.visit = this.#newVisit();
    await forget(visit);
    await this.#changed();
  }

  #newVisit() {
    return newVisit(this.#device.usualDirection);
  }

  /** The way that a ticket's load goes here, unless a person has said another. */
  #turn(visit, ticket) {
    if (visit.isDirectionChosen) return;
    visit.direction = likelyDirection(ticket, this.#device.station.id, this.#seen) ?? this.#device.usualDirection;
  }

  #judge(text, plate) {
    return judge(text, {
      knowledge: this.#knowledge,
      stationId: this.#device.station.id,
      atMs: this.#clock.now(),
      plate,
      seen: this.#seen,
    });
  }

  #saw(number, direction) {
    if (number) this.#seen.set(number, [...(this.#seen.get(number) ?? []), direction]);
  }

  async #changed() {
    const { visit } = this;
    this.storedTare = visit.plate ? ((await tareOf(visit.plate)) ?? null) : null;
    // A truck keeps its axles: what was said of them with its last tare need not be said again.
    const { axles } = visit.extras ?? NO_EXTRAS;
    if (!axles && this.storedTare?.axles) visit.extras = { ...NO_EXTRAS, ...visit.extras, axles: this.storedTare.axles };
    this.#told({ kind: "visit" });
  }

  /** What the service knows beyond the paper: used, cancelled, unknown. Nobody waits for it. */
  async #askOnline(visit) {
    const { verdict, plate } = visit;
    if (!verdict.text || !this.#device.isApproved) return;
    let answer;
    try {
      const body = { code: verdict.text, plate: plate || null };
      answer = await this.#device.ask((token) => this.#api.post("/v1/tickets/check", body, token));
    } catch (error) {
      if (error instanceof Problem || error instanceof Unreachable) return;
      throw error;
    }
    if (this.visit !== visit || visit.verdict !== verdict) return;
    const own = verdict.reasons.filter((reason) => reason === "wrong-station" || reason === "used-here");
    const reasons = [...new Set([...reasonsShown(answer), ...own])];
    const level = levelOf(reasons);
    visit.verdict = { ...verdict, level, reasons, online: answer.ticket, isAsked: true };
    if (answer.ticket) this.#turn(visit, ticketKnown(answer.ticket));
    if (!visit.plate && answer.ticket) visit.plate = answer.ticket.plate;
    await this.#changed();
    if (level !== verdict.level) this.#told({ kind: "verdict", level });
  }
}
