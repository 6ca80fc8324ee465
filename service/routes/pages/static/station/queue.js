/**
 * The records of this scale: numbered without a gap, kept before anybody sees them, never forgotten unsent (W04).
 *
 * A record is fixed when it is kept: its text never changes afterwards, so that whatever is sent twice is the same.
 */
import { result, transact } from "./store.js";

const ANSWERED_KEPT = 5000;

/**
 * Keep a weighing of the ticket of a number and give it the next sequence number.
 *
 * In the same transaction its visit ends, so that no truck is recorded twice, and a fresh tare is stored.
 */
export function keepRecord(weighing, { number, visitId, tare }) {
  return transact(["own", "records", "visits", "tares"], "readwrite", async (own, records, visits, tares) => {
    const sequence = await result(own.get("nextSequence"));
    const text = JSON.stringify({ id: crypto.randomUUID(), sequence, ...weighing });
    const entry = { sequence, text, number, unsent: 1, keptAtMs: Date.now(), answer: null };
    own.put(sequence + 1, "nextSequence");
    visits.delete(visitId);
    if (tare) tares.put(tare);
    await result(records.add(entry));
    return entry;
  });
}

/** How many records the service has not answered. */
export function countUnsent() {
  return transact("records", "readonly", (records) => result(records.index("unsent").count()));
}

/** The oldest records without an answer, in their order. */
export function oldestUnsent(atMost) {
  return transact("records", "readonly", (records) => result(records.index("unsent").getAll(undefined, atMost)));
}

/** Keep what the service said about records: pairs of a sequence number and an answer. */
export function keepAnswers(answers) {
  return transact("records", "readwrite", async (records) => {
    for (const [sequence, answer] of answers) {
      const { unsent, ...entry } = await result(records.get(sequence));
      records.put({ ...entry, answer, answeredAtMs: Date.now() });
    }
  });
}

/** The last records, newest first. */
export function lastRecords(count) {
  return transact("records", "readonly", (records) => walkBack(records, count));
}

/** Every record that is still kept, oldest first. */
export function allRecords() {
  return transact("records", "readonly", (records) => result(records.getAll()));
}

/** The tickets of this scale's loads, and which way each went; what the service refused was no load (W05). */
export async function weighedTickets() {
  const loads = (await allRecords()).filter(({ number, answer }) => number && answer?.status !== "refused");
  return loads.map(({ number, text }) => [number, JSON.parse(text).direction]);
}

/** Forget the oldest answered records beyond the newest few thousand; unsent ones stay whatever their age. */
export function prune() {
  return transact("records", "readwrite", async (records) => {
    const spare = (await result(records.count())) - ANSWERED_KEPT;
    if (spare <= 0) return;
    for (const entry of await result(records.getAll(undefined, spare))) {
      if (entry.answer) records.delete(entry.sequence);
    }
  });
}

function walkBack(records, count) {
  return new Promise((resolve, reject) => {
    const found = [];
    const request = records.openCursor(null, "prev");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor || found.length === count) {
        resolve(found);
        return;
      }
      found.push(cursor.value);
      cursor.continue();
    };
  });
}
