/**
 * Indicators that this station understands.
 *
 * A driver is `{name, words, serial, reader}`: `serial` are the options with which Web Serial opens the port, and
 * `reader()` gives a function that takes the bytes as they come (in whatever pieces) and gives the readings that they
 * complete. A reading is `{kg, isStable}`, or `{fault}` for a frame that was broken or says that the weight is none. A
 * driver never guesses: what is not a whole frame in whole kilograms is a fault.
 */

const STX = 0x02;
const CR = 0x0d;
const LF = 0x0a;
const LONGEST_LINE = 64;

/**
 * The continuous output of Toledo indicators and of the many that imitate it: STX, three status bytes, six digits of
 * weight, six of tare, CR, and a checksum where the indicator is set so. Status byte B: bit 0 net, 1 negative, 2 out
 * of range, 3 in motion, 4 kilograms. The checksum makes the low seven bits of the whole sum zero.
 */
function toledo(hasChecksum) {
  const length = hasChecksum ? 18 : 17;

  return () => {
    let frame = [];
    return (bytes) => {
      const readings = [];
      for (const byte of bytes) {
        const seven = byte & 0x7f; // the eighth is the parity where the port does not take it off
        // A checksum may have the value of STX; everywhere else STX begins a frame.
        if (seven === STX && !(hasChecksum && frame.length === length - 1)) {
          if (frame.length) readings.push({ fault: "frame-broken" });
          frame = [STX];
        } else if (frame.length) {
          frame.push(seven);
          if (frame.length === length) {
            readings.push(readToledo(frame, hasChecksum));
            frame = [];
          }
        }
      }
      return readings;
    };
  };
}

function readToledo(frame, hasChecksum) {
  if (frame[16] !== CR) return { fault: "frame-broken" };
  if (hasChecksum && (frame.reduce((sum, byte) => sum + byte, 0) & 0x7f) !== 0) return { fault: "checksum-wrong" };
  const [, a, b, c] = frame;
  const digits = String.fromCharCode(...frame.slice(4, 10));
  if (!/^ *[0-9]+$/.test(digits) || !(a & 0x20) || !(b & 0x20)) return { fault: "frame-broken" };
  if (b & 0x04) return { fault: "out-of-range" };
  if (b & 0x01) return { fault: "net-not-gross" };
  const unit = c & 0x07;
  if (unit === 0 ? !(b & 0x10) : unit !== 2) return { fault: "not-kilograms" };
  // Position 2 has no decimals, 0 and 1 stand for zeros that are not sent, 3 to 7 for decimals.
  const exponent = 2 - (a & 0x07) + (unit === 2 ? 3 : 0);
  const kg = shifted(digits.trim(), exponent);
  if (kg === null) return { fault: "not-whole-kilograms" };
  return { kg: b & 0x02 ? -kg || 0 : kg, isStable: !(b & 0x08) };
}

/**
 * A plain line of ASCII as printers and displays take it: `ST,GS,+  31240kg`, ended by CR, LF or both. ST is stable,
 * US in motion, OL out of range; GS gross, NT net; the unit is kg or t.
 */
function lines() {
  let line = "";
  let isLost = true; // the first piece may be the rest of a line that began before we listened
  return (bytes) => {
    const readings = [];
    for (const byte of bytes) {
      if (byte === CR || byte === LF) {
        if (line && !isLost) readings.push(readLine(line));
        line = "";
        isLost = false;
      } else if (line.length < LONGEST_LINE) {
        line += String.fromCharCode(byte & 0x7f);
      } else if (!isLost) {
        isLost = true;
        readings.push({ fault: "frame-broken" });
      }
    }
    return readings;
  };
}

const LINE = /^(ST|US|OL) *,? *(GS|NT) *,? *([+-]?) *([0-9]+)(?:\.([0-9]+))? *(kg|t)$/i;

function readLine(line) {
  if (/^OL/i.test(line)) return { fault: "out-of-range" };
  const found = LINE.exec(line.trim());
  if (!found) return { fault: "frame-broken" };
  const [, state, mode, sign, whole, decimals = "", unit] = found;
  if (mode.toUpperCase() === "NT") return { fault: "net-not-gross" };
  const kg = shifted(whole + decimals, (unit.toLowerCase() === "t" ? 3 : 0) - decimals.length);
  if (kg === null) return { fault: "not-whole-kilograms" };
  return { kg: sign === "-" ? -kg || 0 : kg, isStable: state.toUpperCase() === "ST" };
}

/** Digits times a power of ten as whole kilograms, or null where they are not whole: nothing is rounded. */
function shifted(digits, exponent) {
  if (exponent >= 0) return Number(digits + "0".repeat(exponent));
  const fraction = digits.slice(exponent);
  return /^0*$/.test(fraction) ? Number(digits.slice(0, exponent) || "0") : null;
}

export const DRIVERS = {
  "toledo": {
    words: ["托利多连续输出", "Toledo continuous"],
    serial: { baudRate: 9600, dataBits: 7, parity: "even", stopBits: 1 },
    reader: toledo(false),
  },
  "toledo-checksum": {
    words: ["托利多连续输出，带校验和", "Toledo continuous with checksum"],
    serial: { baudRate: 9600, dataBits: 7, parity: "even", stopBits: 1 },
    reader: toledo(true),
  },
  "line": {
    words: ["逐行文本，例如 ST,GS,+  31240kg", "Lines of text such as ST,GS,+  31240kg"],
    serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
    reader: lines,
  },
};
