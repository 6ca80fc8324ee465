/** Codes from a camera or a picture: the frames are read in a worker, so that the page never stands still. */

const WIDEST = 1600;
const PAUSE_MS = 120;

let worker;
let asked = 0;
const waiting = new Map();

function reader() {
  if (!worker) {
    worker = new Worker(new URL("./camera-worker.js", import.meta.url));
    worker.onmessage = ({ data }) => {
      waiting.get(data.number)?.(data.texts);
      waiting.delete(data.number);
    };
  }
  return worker;
}

/** The texts of the QR codes in a picture, or in one frame of a camera, which may be less patient. */
function readPicture(picture, width, height, { isFrame }) {
  const shrink = Math.min(1, WIDEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * shrink);
  canvas.height = Math.round(height * shrink);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  asked += 1;
  const number = asked;
  return new Promise((resolve) => {
    waiting.set(number, resolve);
    reader().postMessage({ number, pixels, isFrame }, [pixels.data.buffer]);
  });
}

/** The texts of the QR codes in a file that somebody photographed. */
export async function readFile(file) {
  const picture = await createImageBitmap(file);
  try {
    return await readPicture(picture, picture.width, picture.height, { isFrame: false });
  } finally {
    picture.close();
  }
}

/** Whether this browser gives pages a camera. */
export function hasCamera() {
  return Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
}

/** Watches a camera in a video element, and tells each text that it sees. */
export class Camera {
  #video;
  #stream = null;

  constructor(video) {
    this.#video = video;
  }

  get isOn() {
    return this.#stream !== null;
  }

  /** Look until `stop`; `seen(texts)` says true when it has what it wants. */
  async start(seen) {
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } },
    });
    const stream = this.#stream;
    this.#video.srcObject = stream;
    await this.#video.play();
    while (this.#stream === stream) {
      const { videoWidth, videoHeight } = this.#video;
      const texts = videoWidth ? await readPicture(this.#video, videoWidth, videoHeight, { isFrame: true }) : [];
      if (this.#stream === stream && texts.length && (await seen(texts))) break;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    if (this.#stream === stream) this.stop();
  }

  stop() {
    if (!this.#stream) return;
    for (const track of this.#stream.getTracks()) track.stop();
    this.#video.srcObject = null;
    this.#stream = null;
  }
}
