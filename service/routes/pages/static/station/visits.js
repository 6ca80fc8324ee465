/**
 * Trucks between their two weighings, and what each weighed empty.
 *
 * A truck that stands on the scale once, loads or unloads, and comes again is a visit: it waits in the list with the
 * weight that is known; so does one whose browser died between the two. A tare is fresh for the one load that it was taken for; later it is stored, and has an age.
 */
import { result, transact } from "./store.js";

const FRESH_MS = 12 * 3600 * 1000;

/** A truck that comes; `direction` is the way that loads usually go here, until its ticket or a person says another. */
export function newVisit(direction) {
  return { id: crypto.randomUUID(), verdict: null, plate: "", direction, isDirectionChosen: false, gross: null, tare: null, extras: NO_EXTRAS };
}

/** What may be said of a load beside its weights, and need not be: axles, the grade as seen, MgO and moisture in tenths of a percent. */
export const NO_EXTRAS = Object.freeze({ axles: null, grade: null, mgoPerMille: null, moisturePerMille: null });
const MOST_GRADE = 20;

/** The extras that a person typed, in whatever width; what cannot be meant is left out, so that no load ever waits for it. */
export function extrasOf({ axles, grade, mgo, moisture }) {
  const typed = grade.normalize("NFKC").trim();
  return {
    axles: /^([2-9]|1[0-9])$/.test(axles) ? Number(axles) : null,
    grade: typed.length > 0 && typed.length <= MOST_GRADE ? typed : null,
    mgoPerMille: perMilleOf(mgo),
    moisturePerMille: perMilleOf(moisture),
  };
}

/** A percentage as typed, in tenths; null for what is none below a hundred. */
function perMilleOf(text) {
  const percent = text.normalize("NFKC").trim();
  const perMille = /^[0-9]{1,2}([.,][0-9]+)?$/.test(percent) ? Math.round(10 * Number(percent.replace(",", "."))) : null;
  return perMille !== null && perMille < 1000 ? perMille : null;
}

export function park(visit) {
  return transact("visits", "readwrite", (visits) => result(visits.put({ ...visit, parkedAtMs: Date.now() })));
}

export async function parked() {
  const found = await transact("visits", "readonly", (visits) => result(visits.getAll()));
  return found.sort((one, other) => one.parkedAtMs - other.parkedAtMs);
}

/** The tare that a visit leaves behind for the next one, or null. */
export function tareToStore({ plate, tare, extras }) {
  return tare.stored || tare.manual ? null : { plate, kg: tare.kg, atMs: tare.atMs, axles: (extras ?? NO_EXTRAS).axles };
}

export function forget(visit) {
  return transact("visits", "readwrite", (visits) => result(visits.delete(visit.id)));
}

export function tareOf(plate) {
  return transact("tares", "readonly", (tares) => result(tares.get(plate)));
}

/** The net mass, or null while one of both is missing. */
export function netOf({ gross, tare }) {
  return gross && tare ? gross.kg - tare.kg : null;
}

/** What speaks against recording a visit now: codes of words, none when it can be recorded. */
export function lacks(visit) {
  const missing = [];
  if (!visit.plate) missing.push("plate-missing");
  if (!visit.gross) missing.push("gross-missing");
  if (!visit.tare) missing.push("tare-missing");
  if (visit.gross && visit.tare && visit.gross.kg <= visit.tare.kg) missing.push("gross-below-tare");
  return missing;
}

/** The record of a visit, without its id and number. */
export function recordOf(visit) {
  const byHand = [visit.gross, visit.tare].find((weight) => weight.manual);
  const isFresh = !visit.tare.stored && visit.gross.atMs - visit.tare.atMs < FRESH_MS;
  const { axles, grade, mgoPerMille, moisturePerMille } = { ...NO_EXTRAS, ...visit.extras };
  const weighedAtMs = Math.max(visit.gross.atMs, isFresh ? visit.tare.atMs : 0);
  return {
    weighedAtMs,
    record: {
      ticket: visit.verdict ? visit.verdict.text : null,
      direction: visit.direction,
      plate: visit.plate,
      gross_kg: visit.gross.kg,
      tare_kg: visit.tare.kg,
      grade,
      manual: Boolean(byHand),
      manual_reason: byHand ? byHand.manual.reason : null,
      second_person: byHand ? byHand.manual.secondPerson : null,
      tare_source: isFresh ? "fresh" : "stored",
      axles,
      mgo_per_mille: mgoPerMille,
      moisture_per_mille: moisturePerMille,
      reading: visit.gross.reading ?? null,
      stable: visit.gross.manual ? null : true,
    },
  };
}
