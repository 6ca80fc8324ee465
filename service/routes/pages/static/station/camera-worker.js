/* A classic worker, since the reader is a classic script: pixels in, the texts of the QR codes out.

   A decoder samples one pixel a module. Out of focus by half a module, single dark modules have a quarter of their
   contrast left, so what cannot be read as it is gets restored: shrunk, smoothed against noise, and sharpened step by
   step by what blurring it again takes away (van Cittert's iteration, kept within black and white). A wrong reading
   is impossible: error correction and signature both speak against it. */
importScripts("../vendor/zxing-reader.js");

ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => new URL("../vendor/zxing_reader.wasm", self.location).href } });

const OPTIONS = { formats: ["QRCode"], maxNumberOfSymbols: 4, tryHarder: true, tryRotate: true, tryInvert: false };

// A picture is worth some patience; of a camera the next frame comes at once, and each is tried at another size.
const PICTURE = { longest: 1000, mostMs: 4000, tries: [{ smoothing: 1.3, after: [10, 14] }, { smoothing: 1.5, after: [14, 18, 20] }] };
const FRAME = { longest: 640, mostMs: 700, tries: [{ smoothing: 1.3, after: [10, 14] }] };
const SHORTEST = 140; // no code fits in less at three pixels a module
const BLUR = 1.5; // pixels: what a module of three pixels has when it is out of focus by its half
const MOST_SHRUNK = 8;
const PASSES = 3; // of a box, which make a Gaussian

let turn = 0;

self.onmessage = async ({ data: { number, pixels, isFrame } }) => {
  let texts = [];
  try {
    texts = await decoded(pixels);
    if (!texts.length) texts = await restored(pixels, isFrame);
  } catch (error) {
    console.error(String(error));
  }
  self.postMessage({ number, texts });
};

async function decoded(pixels) {
  return (await ZXingWASM.readBarcodes(pixels, OPTIONS)).filter((found) => found.isValid).map((found) => found.text);
}

/** The codes of a picture at several sizes, the smallest first, since it costs least. */
async function restored(pixels, isFrame) {
  const { longest, mostMs, tries } = isFrame ? FRAME : PICTURE;
  const until = performance.now() + mostMs;
  const grey = greyOf(pixels);
  const long = Math.max(grey.width, grey.height);
  let sizes = [];
  for (let by = MOST_SHRUNK; by >= 1; by -= 1) if (long / by >= SHORTEST && long / by <= longest) sizes.push(by);
  if (isFrame && sizes.length) {
    turn += 1;
    sizes = [sizes[turn % sizes.length]];
  }
  for (const by of sizes) {
    const twice = doubled(shrunk(grey, by));
    for (const { smoothing, after } of tries) {
      const texts = await sharpened(twice, smoothing, after, until);
      if (texts.length || performance.now() > until) return texts;
    }
  }
  return [];
}

async function sharpened(twice, smoothing, after, until) {
  const seen = blurred(twice, 2 * smoothing);
  const spread = 2 * Math.hypot(BLUR, smoothing);
  const guess = { ...seen, tones: seen.tones.slice() };
  for (let step = 1; step <= after[after.length - 1]; step += 1) {
    const again = blurred(guess, spread);
    for (let place = 0; place < guess.tones.length; place += 1) {
      guess.tones[place] = Math.min(255, Math.max(0, guess.tones[place] + seen.tones[place] - again.tones[place]));
    }
    if (after.includes(step)) {
      const texts = await decoded(pixelsOf(guess));
      if (texts.length) return texts;
    }
    if (performance.now() > until) break;
  }
  return [];
}

function greyOf({ data, width, height }) {
  const tones = new Float32Array(width * height);
  for (let place = 0; place < tones.length; place += 1) {
    tones[place] = 0.299 * data[4 * place] + 0.587 * data[4 * place + 1] + 0.114 * data[4 * place + 2];
  }
  return { tones, width, height };
}

function pixelsOf({ tones, width, height }) {
  const pixels = new ImageData(width, height);
  for (let place = 0; place < tones.length; place += 1) pixels.data.fill(tones[place], 4 * place, 4 * place + 3);
  for (let place = 3; place < pixels.data.length; place += 4) pixels.data[place] = 255;
  return pixels;
}

/** Each square of pixels as its mean. */
function shrunk(grey, by) {
  if (by === 1) return grey;
  const width = Math.floor(grey.width / by);
  const height = Math.floor(grey.height / by);
  const tones = new Float32Array(width * height);
  for (let y = 0; y < height * by; y += 1) {
    for (let x = 0; x < width * by; x += 1) {
      tones[Math.floor(y / by) * width + Math.floor(x / by)] += grey.tones[y * grey.width + x] / (by * by);
    }
  }
  return { tones, width, height };
}

/** Twice as wide and high, in straight lines between the pixels. */
function doubled({ tones, width, height }) {
  const found = new Float32Array(4 * width * height);
  for (let y = 0; y < 2 * height; y += 1) {
    const down = Math.min(height - 1, Math.max(0, (y - 0.5) / 2));
    const top = Math.floor(down);
    const low = Math.min(height - 1, top + 1) * width;
    for (let x = 0; x < 2 * width; x += 1) {
      const along = Math.min(width - 1, Math.max(0, (x - 0.5) / 2));
      const left = Math.floor(along);
      const right = Math.min(width - 1, left + 1);
      const share = along - left;
      const above = tones[top * width + left] * (1 - share) + tones[top * width + right] * share;
      const below = tones[low + left] * (1 - share) + tones[low + right] * share;
      found[y * 2 * width + x] = above + (below - above) * (down - top);
    }
  }
  return { tones: found, width: 2 * width, height: 2 * height };
}

/** Blurred by a Gaussian of so many pixels, made of boxes whose edges count in part. */
function blurred({ tones, width, height }, spread) {
  const variance = (spread * spread) / PASSES;
  const whole = Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
  const part = ((2 * whole + 1) * (whole * (whole + 1) - 3 * variance)) / (6 * (variance - (whole + 1) ** 2));
  let source = tones.slice();
  let target = new Float32Array(tones.length);
  for (let pass = 0; pass < PASSES; pass += 1) {
    boxed(source, target, width, height, whole, part);
    boxed(target, source, height, width, whole, part);
  }
  return { tones: source, width, height };
}

/** One box along the rows; rows become columns, so that twice is both ways. */
function boxed(source, target, width, height, whole, part) {
  const weight = 1 / (2 * (whole + part) + 1);
  for (let y = 0; y < height; y += 1) {
    const row = y * width;
    const at = (x) => source[row + (x < 0 ? 0 : x >= width ? width - 1 : x)];
    let sum = 0;
    for (let x = -whole; x <= whole; x += 1) sum += at(x);
    for (let x = 0; x < width; x += 1) {
      const before = at(x - whole - 1);
      const after = at(x + whole + 1);
      target[x * height + y] = (sum + part * (before + after)) * weight;
      sum += after - at(x - whole);
    }
  }
}
