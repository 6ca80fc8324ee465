/** Draws what is known; decides nothing. */
import { stamp, timeOfDay } from "./clock.js";
import { NO_EXTRAS } from "./visits.js";
import { SAID, age, both, kilograms, tonnes } from "./words.js";

const SIGNS = { good: "✓", warn: "!", bad: "✗" };

export function element(id) {
  return document.getElementById(id);
}

/** A new element with text or nodes in it. */
export function made(tag, className, ...inside) {
  const found = document.createElement(tag);
  if (className) found.className = className;
  found.append(...inside);
  return found;
}

function lettering(id, words) {
  element(id).replaceChildren(both(words));
}

const HEARD = new Map([[null, "asking"], [true, "on"], [false, "off"]]);

/** Who we are, and whether anybody hears us; `isOnline` is null until somebody was asked. */
export function showStanding({ station, isOnline, unsent, isReadyOffline }) {
  element("station-name").textContent = station ? station.name : "计量站";
  const net = element("net");
  net.dataset.state = HEARD.get(isOnline);
  lettering("net-words", SAID[`net-${HEARD.get(isOnline)}`]);
  lettering("ready-words", SAID[isReadyOffline ? "ready-offline" : "not-ready-offline"]);
  element("unsent-count").textContent = String(unsent);
  element("unsent").dataset.state = unsent ? "some" : "none";
}

export function showTime(ms) {
  element("time").textContent = timeOfDay(ms);
  element("date").textContent = stamp(ms).slice(0, 10);
}

/** Warnings that stay until their cause is gone: `[{code, level, words, action}]`. */
export function showStrips(strips) {
  const list = element("strips");
  const wanted = strips.map(({ code, level, words, more, action }) => {
    const strip = made("li", level, made("span", "sign", SIGNS[level]), made("span", "text", both(words)));
    strip.dataset.code = code;
    if (more) strip.append(made("strong", "more", more));
    if (action) {
      const button = made("button", "small", both(action.words));
      button.type = "button";
      button.addEventListener("click", action.deed);
      strip.append(button);
    }
    return strip;
  });
  // Redrawing what has not changed would be read out again.
  const text = wanted.map((strip) => strip.textContent).join("|");
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...wanted);
}

/** The verdict on a ticket, big, with its reasons and what the paper says. */
export function showVerdict(verdict, dictionary, stationId) {
  const box = element("verdict");
  if (!verdict) {
    box.hidden = true;
    return;
  }
  const { level, reasons, code, number, online, isAsked } = verdict;
  const head = made("p", "head", made("span", "sign", SIGNS[level]), both(SAID[`level-${level}`]));
  const list = made("ul", "reasons", ...reasons.map((reason) => made("li", "", both(dictionary.word(reason, "check")))));
  const facts = made("dl", "facts");
  const tell = (label, value) => value && facts.append(made("div", "", made("dt", "", both(label)), made("dd", "", value)));
  tell(["车牌", "Plate"], code ? code.plate : online && online.plate);
  tell(["计划", "Planned"], code ? tonnes(code.plannedKg) : online && tonnes(online.planned_kg));
  tell(["号码", "Number"], number && grouped(number));
  tell(["品级", "Grade"], online ? online.grade : code && code.gradeMark);
  tell(["至", "Until"], code && stamp(code.validUntilMs).slice(5, 16).replace("T", " "));
  tell(["货主", "Seller"], online && online.seller);
  tell(["收货", "Buyer"], online && online.buyer);
  const how = number ? made("p", "how", both(SAID[isAsked ? "checked-online" : code ? "checked-offline" : "checked-number"])) : "";
  box.className = `verdict ${level}`;
  box.replaceChildren(head, list, facts, how);
  box.hidden = false;
  box.dataset.station = stationId;
}

/** A ticket's number as it stands on paper. */
function grouped(number) {
  return number.replace(/^(.{4})(.{4})/, "$1 $2 ");
}

/** The weights of the present truck. */
export function showVisit(desk) {
  const { visit, storedTare, netKg } = desk;
  const plate = element("plate");
  if (document.activeElement !== plate) plate.value = visit.plate;
  for (const radio of document.querySelectorAll("input[name=direction]")) radio.checked = radio.value === visit.direction;
  for (const side of ["gross", "tare"]) {
    const weight = visit[side];
    element(`${side}-kg`).textContent = weight ? kilograms(weight.kg) : "—";
    element(`${side}-how`).replaceChildren(weight ? both(howWords(weight)) : "");
  }
  const use = element("tare-stored");
  use.hidden = !storedTare || Boolean(visit.tare);
  if (storedTare) {
    const [zh, en] = age(Date.now() - storedTare.atMs);
    use.replaceChildren(both([`用存皮 ${kilograms(storedTare.kg)}，${zh}`, `stored, ${en}`]));
  }
  showExtras(visit.extras, visit.verdict);
  element("net-kg").textContent = netKg === null || netKg <= 0 ? "—" : tonnes(netKg);
  const [lack] = desk.lacks;
  const record = element("record");
  record.disabled = Boolean(lack);
  record.replaceChildren(both(lack ? SAID.record : [`车牌 ${visit.plate} 无误，记录`, "Plate is right: record"]));
  showLack(lack && !desk.isEmpty ? SAID[lack] : null);
  element("park").disabled = desk.isEmpty;
  element("clear").disabled = desk.isEmpty;
}

/** What keeps somebody from going on, beside the buttons. */
export function showLack(words) {
  element("lacks").replaceChildren(words ? both(words) : "");
}

/** The fields of what need not be said, folded away. */
export function extraFields() {
  return ["axles", "grade", "mgo", "moisture"].map((name) => element(name));
}

export function typedExtras() {
  return Object.fromEntries(extraFields().map((field) => [field.id, field.value]));
}

/** What was understood of it stands in the fold's own line, so that it is seen when it is shut. */
function showExtras(extras, verdict) {
  const { axles, grade, mgoPerMille, moisturePerMille } = { ...NO_EXTRAS, ...extras };
  const [mgo, moisture] = [mgoPerMille, moisturePerMille].map((tenths) => (tenths === null ? "" : (tenths / 10).toFixed(1)));
  const wanted = { axles: axles ? String(axles) : "", grade: grade ?? "", mgo, moisture };
  for (const field of extraFields()) if (document.activeElement !== field) field.value = wanted[field.id];
  const onPaper = verdict && (verdict.online?.grade ?? verdict.code?.gradeMark);
  element("grade").placeholder = onPaper ?? "";
  const said = [axles && `${axles} 轴`, grade, mgo && `MgO ${mgo} %`, moisture && `水分 ${moisture} %`];
  element("extras-said").textContent = said.filter(Boolean).join(" · ");
}

function howWords(weight) {
  if (weight.manual) return SAID["by-hand"];
  if (!weight.stored) return SAID.fresh;
  const [zh, en] = age(Date.now() - weight.atMs);
  return [`存皮，${zh}`, `stored, ${en}`];
}

/** The scale's display. */
export function showScale(scale, visitId) {
  const state = scale ? scale.stateFor(visitId) : "off";
  const live = element("live");
  live.dataset.state = state;
  element("live-kg").textContent = scale && scale.kg !== null ? kilograms(scale.kg) : "— kg";
  lettering("live-state", SAID[`scale-${state}`]);
  element("live-count").textContent = scale ? `#${scale.sequence}` : "";
  for (const side of ["gross", "tare"]) element(`${side}-take`).disabled = state !== "stable";
}

/** The last records, and what became of each. */
export function showLast(entries, dictionary) {
  const list = element("last");
  if (!entries.length) {
    list.replaceChildren(made("li", "none", both(SAID["nothing-yet"])));
    return;
  }
  list.replaceChildren(
    ...entries.map((entry) => {
      const record = JSON.parse(entry.text);
      const { level, words, remarks } = fate(entry, dictionary);
      const row = made(
        "li",
        level,
        made("span", "sign", level === "wait" ? "…" : SIGNS[level]),
        made("span", "what", `${record.plate} · ${tonnes(record.gross_kg - record.tare_kg)}`),
        made("span", "when", `${SAID[record.direction][0]} ${record.weighed_at.slice(11, 16)}`),
        made("span", "fate", both(words)),
        made("span", "when", `№${entry.sequence}`),
      );
      for (const remark of remarks) row.append(made("span", "remark", both(remark)));
      row.dataset.sequence = String(entry.sequence);
      return row;
    }),
  );
}

/** What the service said about a record, in words. */
function fate({ answer }, dictionary) {
  if (!answer) return { level: "wait", words: SAID.unsent, remarks: [] };
  const remarks = (answer.flags ?? []).map((flag) => dictionary.word(flag, "flag"));
  if (answer.status === "refused") {
    const { title, title_en: titleEn } = answer.problem ?? {};
    return { level: "bad", words: SAID.refused, remarks: [[title ?? "", titleEn ?? ""], ...remarks] };
  }
  const isOther = answer.status === "duplicate" && answer.duplicate_of && answer.duplicate_of !== answer.id;
  if (isOther) return { level: "warn", words: SAID["same-event"], remarks };
  if (answer.status === "duplicate") return { level: remarks.length ? "warn" : "good", words: SAID.duplicate, remarks };
  return { level: remarks.length ? "warn" : "good", words: SAID[remarks.length ? "accepted-flagged" : "accepted"], remarks };
}

/** The trucks that are between their two weighings. */
export function showInside(visits, resume) {
  element("inside-count").textContent = String(visits.length);
  element("inside").replaceChildren(
    ...visits.map((visit) => {
      const known = visit.gross ? `毛 ${kilograms(visit.gross.kg)}` : visit.tare ? `皮 ${kilograms(visit.tare.kg)}` : "";
      const [zh] = age(Date.now() - visit.parkedAtMs);
      const button = made("button", "truck", made("strong", "", visit.plate || "无车牌"), ` ${known} · ${zh}`);
      button.type = "button";
      button.addEventListener("click", () => resume(visit));
      return made("li", "", button);
    }),
  );
}

/** A big word that goes away with the next deed. */
export function showSaid(level, words, more = null, next = null) {
  const box = element("said");
  box.className = `said ${level}`;
  box.replaceChildren(made("span", "sign", SIGNS[level]), made("span", "text", both(words)));
  if (more) box.append(made("span", "more", more));
  if (next) box.append(made("span", "next", both(next)));
  box.hidden = false;
}

export function hideSaid() {
  element("said").hidden = true;
}
