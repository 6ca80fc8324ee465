/* A classic worker, since the reader is a classic script: pixels in, the texts of the QR codes out. */
importScripts("../vendor/zxing-reader.js");

ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => new URL("../vendor/zxing_reader.wasm", self.location).href } });

const OPTIONS = { formats: ["QRCode"], maxNumberOfSymbols: 4, tryHarder: true, tryRotate: true, tryInvert: false };

self.onmessage = async ({ data: { number, pixels } }) => {
  let texts = [];
  try {
    texts = (await ZXingWASM.readBarcodes(pixels, OPTIONS)).filter((found) => found.isValid).map((found) => found.text);
  } catch (error) {
    console.error(String(error));
  }
  self.postMessage({ number, texts });
};
