// An indicator at a simulated serial port: the interface of Web Serial, fed with bytes by the test.
(() => {
  let control = null;
  const port = {
    opened: null,
    readable: null,
    async open(options) {
      if (this.readable) throw new DOMException("open already", "InvalidStateError");
      this.opened = options;
      this.renew();
    },
    renew() {
      this.readable = new ReadableStream({ start: (made) => { control = made; } });
    },
    async close() {
      this.readable = null;
      control = null;
    },
  };
  Object.defineProperty(navigator, "serial", {
    configurable: true,
    value: { getPorts: async () => [port], requestPort: async () => port },
  });

  const frame = (kg, isMoving) => [
    0x02, 0x22, 0x30 | (isMoving ? 0x08 : 0), 0x20,
    ...[...String(kg).padStart(6, " "), ..."000000"].map((digit) => digit.charCodeAt(0)),
    0x0d,
  ];
  window.indicator = {
    port,
    frame,
    say: (...bytes) => control && control.enqueue(new Uint8Array(bytes)),
    fail: (name) => {
      const broken = control;
      port.renew();
      broken.error(new DOMException("on the line", name));
    },
    unplug: () => {
      const broken = control;
      port.readable = null;
      broken.error(new DOMException("gone", "NetworkError"));
    },
  };
  // A truck drives on: the scale moves, then it stands, and goes on saying so.
  let standing = null;
  window.truck = (kg) => {
    window.indicator.say(...frame(kg, true), ...frame(kg, false));
    standing = kg;
  };
  setInterval(() => standing !== null && window.indicator.say(...frame(standing, false)), 200);
})();
