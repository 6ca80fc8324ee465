/** Puts the station together: what happens at the scale goes to the desk, and what is kept goes to the sender. */
import { Api, Problem, Unreachable } from "./api.js";
import { Camera, hasCamera, readFile } from "./camera.js";
import { Clock, SKEW_MS, stamp } from "./clock.js";
import { plateAsSeen } from "./codes.js";
import { Desk } from "./desk.js";
import { enrol, enrolled } from "./device.js";
import { DRIVERS } from "./drivers.js";
import { Knowledge } from "./knowledge.js";
import { allRecords, countUnsent, lastRecords, prune } from "./queue.js";
import { Scale, hasSerial } from "./scale.js";
import * as screen from "./screen.js";
import { Sender } from "./sender.js";
import { play } from "./sound.js";
import { askToStay, keep, recall } from "./store.js";
import { extrasOf, parked } from "./visits.js";
import { Wedge } from "./wedge.js";
import { Dictionary, SAID, both, span } from "./words.js";

const { element } = screen;
const VERSION = document.documentElement.dataset.version;
const LAST = 10;
const TICK_MS = 500;
const BEAT_MS = 60_000;
const ASK_MS = 10_000;
const LEARN_MS = 10 * 60_000;
const LOOK_FOR_UPDATE_MS = 3600_000;

const clock = new Clock((await recall("clock").catch(() => null)) ?? null);
const api = new Api(clock);
const standing = { station: null, isOnline: null, unsent: 0, isReadyOffline: false };
const strips = new Map();
let dictionary;
let device;
let knowledge;
let desk;
let sender;
let scale = null;
let camera;
let waitingVersion = null;
let lastKeptAtMs = 0;
let clearing = null; // the visit whose weights are thrown away by the next press

await begin();

async function begin() {
  if (!isSecureContext || !("serviceWorker" in navigator) || !("indexedDB" in window) || !navigator.locks) {
    element("opening").replaceChildren(both(SAID[isSecureContext ? "too-old" : "not-secure"]));
    return;
  }
  await serveOffline();
  dictionary = await Dictionary.load();
  device = await enrolled(api, clock);
  element("opening").hidden = true;
  if (device) await work();
  else element("enrol").hidden = false;
  element("enrol-form").addEventListener("submit", onEnrol);
  screen.showStanding(standing);
  setInterval(tick, TICK_MS);
  tick();
}

function askToEnrol() {
  element("desk").hidden = true;
  element("enrol").hidden = false;
}

async function onEnrol(event) {
  event.preventDefault();
  const form = event.target;
  const button = element("enrol-button");
  button.disabled = true;
  element("enrol-problem").hidden = true;
  try {
    const { username, password, name } = Object.fromEntries(new FormData(form));
    const found = await enrol(api, clock, { username, password, name });
    await new Knowledge().learn((path) => api.get(path, found.token));
    if (device) {
      location.reload();
      return;
    }
    device = found.device;
    form.reset();
    element("enrol").hidden = true;
    await work();
  } catch (error) {
    const words = error instanceof Problem ? error.words : error instanceof Unreachable ? SAID.unreachable : null;
    if (!words) throw error;
    element("enrol-problem").replaceChildren(both(words));
    element("enrol-problem").hidden = false;
  } finally {
    button.disabled = false;
  }
}

/** From enrolment on, and after every start. */
async function work() {
  knowledge ??= await Knowledge.recall();
  desk = new Desk({ api, device, knowledge, clock, told: onDesk });
  await desk.remember();
  await prune();
  [{ keptAtMs: lastKeptAtMs } = { keptAtMs: 0 }] = await lastRecords(1);
  sender = new Sender(api, device, onSender);
  standing.station = device.station;
  standing.unsent = await countUnsent();
  element("desk").hidden = false;
  element("settings-open").hidden = false;
  listenToPeople();
  new Wedge(onScan);
  screen.showVisit(desk);
  await Promise.all([showLists(), stay(), openKnownScale(), showDevice()]);
  element("scan").focus();
  sender.kick();
  beat();
  learn();
  setInterval(beat, BEAT_MS);
  setInterval(() => device.facts.state === "asked" && lookAtDevice(), ASK_MS);
  setInterval(learn, LEARN_MS);
  window.addEventListener("online", () => {
    sender.kick();
    beat();
    learn();
  });
  window.addEventListener("offline", () => setOnline(false));
}

function listenToPeople() {
  const on = (id, kind, deed) => element(id).addEventListener(kind, deed);
  on("scan-form", "submit", (event) => {
    event.preventDefault();
    const { value } = element("scan");
    element("scan").value = "";
    if (value.trim()) onScan([value]);
  });
  on("plate", "change", (event) => desk.setPlate(event.target.value));
  for (const radio of document.querySelectorAll("input[name=direction]")) {
    radio.addEventListener("change", () => desk.setDirection(radio.value));
  }
  for (const side of ["gross", "tare"]) {
    on(`${side}-take`, "click", () => take(side));
    on(`${side}-hand`, "click", () => askHand(side));
  }
  on("tare-stored", "click", () => desk.useStoredTare());
  for (const field of screen.extraFields()) {
    field.addEventListener("change", () => desk.setExtras(extrasOf(screen.typedExtras())));
  }
  on("record", "click", () => desk.record());
  on("park", "click", () => desk.park());
  on("clear", "click", onClear);
  on("send", "click", () => {
    sender.kick();
    beat();
  });
  on("hand-form", "submit", onHand);
  on("hand-cancel", "click", () => element("hand").close());
  on("settings-open", "click", () => element("settings").showModal());
  on("settings-close", "click", () => element("settings").close());
  on("driver", "change", async (event) => {
    await keep("driver", event.target.value);
    await openKnownScale();
  });
  on("serial", "click", chooseScale);
  on("sound", "click", () => play("good"));
  on("export", "click", exportAll);
  on("picture", "change", onPicture);
  on("camera", "click", onCamera);
  element("camera").hidden = !hasCamera();
  element("serial").hidden = !hasSerial();
  element("no-serial").hidden = hasSerial();
  camera = new Camera(element("video"));
}

// Scanning

async function onScan(texts) {
  screen.hideSaid();
  // The cursor may still stand in the plate that was typed.
  const plate = plateAsSeen(element("plate").value);
  if (plate !== desk.visit.plate) await desk.setPlate(plate);
  return desk.scanned(texts);
}

async function onPicture(event) {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  screen.showSaid("warn", SAID["reading-picture"]);
  let texts = [];
  try {
    texts = await readFile(file);
  } catch {
    // Not a picture, or a broken one: no code was read in it.
  }
  if (texts.length) await onScan(texts);
  else say("bad", SAID["no-code-seen"]);
}

async function onCamera() {
  if (camera.isOn) {
    camera.stop();
    element("video").hidden = true;
    return;
  }
  element("video").hidden = false;
  try {
    await camera.start(onScan);
  } catch {
    say("bad", SAID["no-camera"]);
  } finally {
    element("video").hidden = camera.isOn ? element("video").hidden : true;
  }
}

// Weighing

function take(side) {
  const weight = scale && scale.take(desk.visit.id);
  if (weight) desk.setWeight(side, weight);
}

/** A weight is not thrown away by one wrong press. */
async function onClear() {
  const { id, gross, tare } = desk.visit;
  if ((gross || tare) && clearing !== id) {
    clearing = id;
    screen.showLack(SAID["clear-again"]); // beside the button: on a phone the top of the page is out of sight
    play("warn");
    return;
  }
  screen.hideSaid();
  await desk.clear();
}

function askHand(side) {
  const form = element("hand-form");
  form.elements.kg.value = "";
  form.elements.side.value = side;
  element("hand-side").replaceChildren(both(side === "gross" ? ["毛重", "Gross"] : ["皮重", "Tare"]));
  element("hand-problem").hidden = true;
  element("hand").showModal();
  form.elements.kg.focus();
}

async function onHand(event) {
  event.preventDefault();
  const { kg, side, reason, second } = Object.fromEntries(new FormData(event.target));
  const whole = kg.normalize("NFKC").trim().replace(/^([0-9]{1,3})[ ,]([0-9]{3})$/, "$1$2");
  const lacking = [["kg", "weight", /^[1-9][0-9]{0,5}$/.test(whole)], ["reason", "reason", reason.trim()], ["second", "second", second.trim()]];
  const [missing] = lacking.filter(([, , isThere]) => !isThere);
  if (missing) {
    element("hand-problem").replaceChildren(both(SAID[`by-hand-${missing[1]}`]));
    element("hand-problem").hidden = false;
    event.target.elements[missing[0]].focus();
    return;
  }
  element("hand").close();
  const manual = { reason: reason.trim(), secondPerson: second.trim() };
  await desk.setWeight(side, { kg: Number(whole), atMs: Date.now(), manual });
}

async function openKnownScale() {
  const name = await recall("driver");
  if (name && DRIVERS[name]) element("driver").value = name;
  if (!hasSerial()) return;
  const [port] = await navigator.serial.getPorts();
  if (port) await openScale(port);
}

async function chooseScale() {
  try {
    await openScale(await navigator.serial.requestPort());
  } catch {
    // Nobody chose a port: the scale stays as it was.
  }
}

async function openScale(port) {
  if (scale) await scale.close();
  scale = new Scale(DRIVERS[element("driver").value], () => screen.showScale(scale, desk.visit.id));
  scale.open(port);
}

// What others tell

function onDesk(event) {
  if (event.kind === "visit") {
    screen.showVisit(desk);
    screen.showVerdict(desk.visit.verdict, dictionary, device.station.id);
    screen.showScale(scale, desk.visit.id);
    showInside();
  } else if (event.kind === "verdict") {
    play(event.level);
  } else if (event.kind === "recorded") {
    const { entry } = event;
    const record = JSON.parse(entry.text);
    const net = ((record.gross_kg - record.tare_kg) / 1000).toFixed(3);
    say("good", SAID.recorded, `${record.plate} · ${net} t · №${entry.sequence}`, SAID["recorded-next"]);
    if (lastKeptAtMs - entry.keptAtMs > SKEW_MS) {
      setStrip("clock-back", { level: "bad", words: SAID["clock-back"], action: { words: SAID.understood, deed: () => setStrip("clock-back", null) } });
    }
    lastKeptAtMs = entry.keptAtMs;
    element("extras").open = false;
    standing.unsent += 1;
    screen.showStanding(standing);
    showLists();
    sender.kick();
    element("scan").focus();
  } else {
    say(event.level, SAID[event.code]);
  }
}

function onSender(event) {
  if (event.kind === "unsent") {
    standing.unsent = event.count;
  } else if (event.kind === "online") {
    setOnline(event.isOnline);
    setStrip("cannot-send", event.problem && !isStanding(event.problem) && { level: "warn", words: SAID["cannot-send"], more: event.problem.words.join(" ") });
    // Sent although it was not approved, or refused although it was: the county has decided meanwhile.
    if (event.problem ? isStanding(event.problem) : event.isOnline && !device.isApproved) lookAtDevice();
  } else {
    if (event.answers.some(([, answer]) => answer.status === "refused")) {
      play("bad");
      const understood = { words: SAID.understood, deed: () => setStrip("refused-record", null) };
      setStrip("refused-record", { level: "bad", words: SAID["refused-record"], action: understood });
      desk.remember(); // its ticket's load is still to be weighed
    }
    keep("clock", clock.offsetMs);
    showLists();
  }
  screen.showStanding(standing);
}

/** Whether a problem is about this device's standing, which has a strip of its own. */
function isStanding(problem) {
  return ["device-not-approved", "device-revoked", "device-unknown"].includes(problem.code);
}

function say(level, words, more, next) {
  screen.showSaid(level, words, more, next);
  play(level);
}

function setOnline(isOnline) {
  standing.isOnline = isOnline;
  screen.showStanding(standing);
}

function setStrip(code, strip) {
  if (strip) strips.set(code, { code, ...strip });
  else strips.delete(code);
}

// What goes on by itself

async function tick() {
  screen.showTime(clock.now());
  if (desk) screen.showScale(scale, desk.visit.id);
  setStrip("clock-wrong", clock.isWrong && { level: "bad", words: SAID["clock-wrong"], more: span(clock.offsetMs).join(" ") });
  setStrip("new-version", waitingVersion && { level: "warn", words: SAID["new-version"], action: { words: SAID.update, deed: update } });
  if (desk) {
    setStrip("knowledge-old", knowledge.isOld && { level: "warn", words: SAID["knowledge-old"] });
    setStrip("waiting-approval", device.facts.state === "asked" && { level: "warn", words: SAID["waiting-approval"], more: strips.get("waiting-approval")?.more ?? "" });
    setStrip("revoked", device.isRevoked && { level: "bad", words: SAID.revoked, action: { words: SAID["enrol-anew"], deed: askToEnrol } });
    const waiting = strips.get("waiting-approval");
    if (waiting && !waiting.more) waiting.more = await device.fingerprint();
  }
  screen.showStrips([...strips.values()]);
}

/** Tell the county that this station is alive, and what it has not sent. */
async function beat() {
  try {
    if (!device.isApproved) await lookAtDevice();
    if (!device.isApproved) return;
    const body = { sent_at: stamp(Date.now()), unsent: await countUnsent(), app_version: VERSION };
    await device.ask((token) => api.post("/v1/heartbeats", body, token));
    setOnline(true);
  } catch (error) {
    quietly(error);
  }
}

async function learn() {
  try {
    if (device.isApproved) await device.ask((token) => knowledge.learn((path) => api.get(path, token)));
  } catch (error) {
    quietly(error);
  }
}

async function lookAtDevice() {
  const before = device.facts.state;
  try {
    await device.refresh();
    setOnline(true);
  } catch (error) {
    quietly(error);
  }
  if (device.facts.state !== before) {
    await showDevice();
    if (device.isApproved) {
      sender.kick();
      learn();
      beat(); // or it would be silent for a minute in which it already sends loads
    }
  }
}

function quietly(error) {
  if (!(error instanceof Unreachable || error instanceof Problem)) throw error;
  setOnline(error instanceof Problem);
}

async function stay() {
  const promised = await askToStay();
  setStrip("may-be-cleared", !promised && { level: "warn", words: SAID["may-be-cleared"], action: { words: SAID["try-again"], deed: stay } });
}

async function serveOffline() {
  const registration = await navigator.serviceWorker.register("/station/worker.js", { scope: "/station" });
  const look = () => {
    waitingVersion = navigator.serviceWorker.controller ? registration.waiting : null;
  };
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", look);
  });
  look();
  navigator.serviceWorker.ready.then(() => {
    standing.isReadyOffline = true;
    screen.showStanding(standing);
  });
  let isFirst = !navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (!isFirst) location.reload();
    isFirst = false;
  });
  setInterval(() => registration.update().catch(() => {}), LOOK_FOR_UPDATE_MS);
}

function update() {
  if (desk && !desk.isEmpty) return;
  waitingVersion.postMessage("take over");
}

// Lists and the drawer of settings

async function showLists() {
  standing.unsent = await countUnsent();
  screen.showStanding(standing);
  screen.showLast(await lastRecords(LAST), dictionary);
  await showInside();
}

async function showInside() {
  const others = (await parked()).filter(({ id }) => id !== desk.visit.id);
  screen.showInside(others, async (visit) => {
    screen.hideSaid();
    await desk.resume(visit);
  });
}

async function showDevice() {
  element("device-name").textContent = device.facts.name;
  element("device-print").textContent = await device.fingerprint();
  element("device-state").textContent = { asked: "等待核准", approved: "已核准", revoked: "已吊销" }[device.facts.state];
  element("app-version").textContent = VERSION;
}

/** All that is kept, as a file: for the day on which this PC has to be replaced. */
async function exportAll() {
  const lines = (await allRecords()).map(({ text, answer }) => JSON.stringify({ record: JSON.parse(text), answer }));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines.join("\n"), "\n"], { type: "application/x-ndjson" }));
  link.download = `station-${stamp(Date.now()).slice(0, 10)}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
