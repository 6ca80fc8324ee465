/**
 * Ticket codes, ticket numbers and plates as a station reads them without a network (W03).
 *
 * The layout and the rules are those of `service/domain/codes`; `tests/vectors/scans.json` keeps both in step. A text
 * that holds more or less than one whole code is refused with a reason, never trimmed to fit.
 */
import { verifySignature } from "./keys.js";

const CODE_DIGITS = 289;
const CODE_BYTES = 120;
const SIGNED_BYTES = 56;
const SCANNED_AT_MOST = 2000;
const VERSION = 1;
const SIGNED_CONTEXT = new TextEncoder().encode("meisu ticket code\n");
const EPOCH_MS = Date.UTC(2000, 0, 1);

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}]/gu;
const ANOTHER_CODE = /[0-9]{13}|\/T\/.*\/T\//i;

const PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新";
const PACKED = [..." 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", ...PROVINCES, ..."挂学警港澳领试超应急"];
const L = "A-HJ-NP-Z";
const PLATE = new RegExp(
  `^[${PROVINCES}](?:[${L}](?:(?=.*\\d.*\\d)[${L}0-9]{5}|[A-HJK][${L}0-9][0-9]{4}|[0-9]{5}[A-HJK]` +
    `|[${L}0-9]{4}[挂学警港澳领试超]|[0-9]{4}应急)|[0-9]{2}[${L}0-9][0-9]{4})$`,
);

/** A machine code as typed, scanned or pasted, in its plainest form. */
export function folded(text) {
  return text.normalize("NFKC").replace(HIDDEN, "");
}

/** What a scanner, a camera or a hand brought in: the parts of a code that nothing proves yet, or a fault. */
export function parse(text) {
  const plain = [...text].length <= SCANNED_AT_MOST ? folded(text) : "";
  const trailing = /[0-9]+$/.exec(plain);
  if (!trailing) return { fault: "malformed" };
  const digits = trailing[0];
  if (ANOTHER_CODE.test(plain.slice(0, trailing.index)) || digits.length >= 2 * CODE_DIGITS) return { fault: "two-codes" };
  if (digits.length !== CODE_DIGITS) return { fault: "wrong-length" };

  const hex = BigInt(digits).toString(16).padStart(2 * CODE_BYTES, "0");
  if (hex.length > 2 * CODE_BYTES) return { fault: "malformed" };
  const whole = Uint8Array.from({ length: CODE_BYTES }, (_, place) => parseInt(hex.slice(2 * place, 2 * place + 2), 16));
  if (whole[0] !== VERSION) return { fault: "unknown-version" };
  return { digits, keyId: whole[1], signed: whole.slice(0, SIGNED_BYTES), signature: whole.slice(SIGNED_BYTES) };
}

/** The ticket that a text proves, or `{fault}`; `keys` are raw public keys by their id. */
export async function read(text, keys) {
  const scanned = parse(text);
  if (scanned.fault) return scanned;
  const key = keys.get(scanned.keyId);
  if (!key) return { fault: "unknown-key" };
  const message = new Uint8Array(SIGNED_CONTEXT.length + SIGNED_BYTES);
  message.set(SIGNED_CONTEXT);
  message.set(scanned.signed, SIGNED_CONTEXT.length);
  if (!(await verifySignature(key, scanned.signature, message))) return { fault: "bad-signature" };
  return unpack(scanned);
}

/** What speaks against a proven code now, and on a vehicle whose plate is known (W03). */
export function faultsOf(code, atMs, plate) {
  const faults = [];
  if (atMs < code.validFromMs) faults.push("not-yet-valid");
  if (atMs > code.validUntilMs) faults.push("ticket-expired");
  if (plate && plateAsSeen(plate) !== code.plate) faults.push("plate-mismatch");
  return faults;
}

/** The ticket number that a person typed, in whatever width and grouping, or null. */
export function typedNumber(text) {
  const number = [...text].length <= 64 ? folded(text).replaceAll("-", "") : "";
  return /^[1-9][0-9]{12}$/.test(number) && dammDigit(number) === 0 ? number : null;
}

/** A plate in the form in which plates are compared; nothing is refused (W06). */
export function plateAsSeen(text) {
  return folded(text).toUpperCase().replace(/[·•・‧∙⋅●.。\-—_]/g, "");
}

/** Whether a plate is one that a ticket may name. */
export function isPlate(plate) {
  return PLATE.test(plate);
}

/** The mark by which a code names a station: the last eight digits of its id. */
export function stationMark(stationId) {
  return stationId.replaceAll("-", "").slice(-8).toLowerCase();
}

function unpack({ digits, keyId, signed }) {
  const view = new DataView(signed.buffer, signed.byteOffset + 2);
  const id = hexOf(signed, 2, 18);
  const draw = view.getUint8(16) * 2 ** 32 + view.getUint32(17);
  const number = String(100_000_000_000 + draw);
  const plate = unpackPlate(signed.subarray(32, 39));
  if (plate === null) return { fault: "malformed" };
  return {
    digits,
    keyId,
    ticketId: [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join("-"),
    number: number + dammDigit(number),
    reissue: view.getUint8(21),
    validFromMs: EPOCH_MS + 1000 * view.getUint32(22),
    validUntilMs: EPOCH_MS + 1000 * view.getUint32(26),
    plate,
    plannedKg: view.getUint8(37) * 65_536 + view.getUint16(38),
    sourceMark: hexOf(signed, 42, 46),
    destinationMark: hexOf(signed, 46, 50),
    gradeMark: new TextDecoder().decode(signed.subarray(50, 56)).replace(/\0+$/, ""),
  };
}

function unpackPlate(bytes) {
  let bits = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let plate = "";
  for (let place = 0; place < 8; place += 1) {
    plate = (PACKED[Number(bits & 127n)] ?? "?") + plate;
    bits >>= 7n;
  }
  plate = plate.trim();
  return isPlate(plate) ? plate : null;
}

function hexOf(bytes, from, to) {
  return [...bytes.subarray(from, to)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Damm's quasigroup of order ten: finds every wrong digit and every two neighbours that changed places.
const DAMM = [
  "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
  "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
];

function dammDigit(digits) {
  let interim = 0;
  for (const digit of digits) interim = Number(DAMM[interim][Number(digit)]);
  return interim;
}
