/** What a scanned code or a typed number is worth in front of this scale, with no network (W03, E4, E10). */
import { faultsOf, folded, read, stationMark, typedNumber } from "./codes.js";

/**
 * The verdict on a text: `{level, reasons, code, number, text}`.
 *
 * `good`: proven, and nothing speaks against it. `warn`: the load is weighed and recorded, and the service will look at
 * it. `bad`: this is no ticket of ours, or one that was taken back. Nothing keeps a load from being recorded: what
 * stood on the scale is a fact (W06).
 */
export async function judge(text, { knowledge, stationId, atMs, plate, seen }) {
  const number = typedNumber(text);
  if (number) {
    const reasons = [knowledge.whyNumberRevoked(number), "number-only", ...usedBefore(seen, number)].filter(Boolean);
    return verdict(reasons, { number, text: number });
  }

  const code = await read(text, knowledge.keys);
  if (code.fault && isTyped(text)) return verdict(["wrong-number"], {});
  if (code.fault === "unknown-key" && knowledge.isEmpty) return verdict(["no-keys"], {});
  if (code.fault) return verdict([code.fault], {});
  const mark = stationMark(stationId);
  const reasons = faultsOf(code, atMs, plate);
  const revoked = knowledge.whyRevoked(code);
  const doubted = knowledge.whyDoubted(code);
  if (doubted) reasons.unshift(doubted);
  if (revoked && revoked !== doubted) reasons.unshift(revoked);
  if (code.sourceMark !== mark && code.destinationMark !== mark) reasons.push("wrong-station");
  reasons.push(...usedBefore(seen, code.number));
  return verdict(reasons, { code, number: code.number, text: code.digits });
}

/** What a proven code says of a ticket's way. */
export function ticketOf({ number, sourceMark, destinationMark }) {
  return { number, sourceMark, destinationMark, isOut: false };
}

/** What the service knows of a ticket's way. */
export function ticketKnown({ number, source_station_id: source, destination_station_id: destination, state }) {
  return { number, sourceMark: stationMark(source), destinationMark: stationMark(destination), isOut: state === "out" };
}

/** Which way a load goes here, as far as its ticket and our own records tell; null for one that does not name us. */
export function likelyDirection({ number, sourceMark, destinationMark, isOut }, stationId, seen) {
  const mark = stationMark(stationId);
  if (sourceMark !== mark) return destinationMark === mark ? "in" : null;
  return isOut || (seen.get(number) ?? []).includes("out") ? "back" : "out";
}

const BAD = new Set([
  "malformed",
  "wrong-number",
  "wrong-length",
  "two-codes",
  "unknown-version",
  "unknown-key",
  "bad-signature",
  "ticket-cancelled",
  "ticket-held",
  "ticket-lost",
  "ticket-used",
  "print-replaced",
  "key-retired",
  "unknown-ticket",
]);

const OPEN = new Set(["issued", "out"]);

/** The service's reasons as they are shown: of a ticket that has ended how it has, for no extension helps it. */
export function reasonsShown({ reasons, ticket }) {
  if (!ticket || OPEN.has(ticket.state)) return reasons;
  return ticket.state === "expired"
    ? reasons.map((reason) => (reason === "ticket-expired" ? "ticket-lapsed" : reason))
    : reasons.filter((reason) => reason !== "ticket-expired");
}

/** How loud the reasons are together. */
export function levelOf(reasons) {
  return reasons.some((reason) => BAD.has(reason)) ? "bad" : reasons.length ? "warn" : "good";
}

function verdict(reasons, { code = null, number = null, text = null }) {
  return { level: levelOf(reasons), reasons, code, number, text };
}

/** Whether a person typed this, and meant a ticket's number. */
function isTyped(text) {
  return /^[0-9-]{1,30}$/.test(folded(text));
}

function usedBefore(seen, number) {
  return (seen.get(number) ?? []).length ? ["used-here"] : [];
}
