// A small WebDriver client: just what the tests of the report need.
// Protocol: https://www.w3.org/TR/webdriver2/

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

async function call(method, path, body) {
  const response = await fetch(process.env.DRIVER + path, {
    method,
    headers: { "content-type": "application/json" },
    body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
  });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
  return value;
}

async function ready() {
  const until = Date.now() + 20_000;
  for (;;) {
    try {
      if ((await call("GET", "/status")).ready) return;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export class Browser {
  static async start() {
    await ready();
    const args = [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--hide-scrollbars", "--force-prefers-reduced-motion",
    ];
    const { sessionId } = await call("POST", "/session", {
      capabilities: {
        alwaysMatch: {
          browserName: "chrome",
          "goog:chromeOptions": { args, binary: "/usr/bin/chromium" },
          "goog:loggingPrefs": { browser: "ALL" },
        },
      },
    });
    return new Browser(`/session/${sessionId}`);
  }

  constructor(session) {
    this.session = session;
  }

  close() {
    return call("DELETE", this.session);
  }

  open(url) {
    return call("POST", `${this.session}/url`, { url });
  }

  devtools(cmd, params) {
    return call("POST", `${this.session}/goog/cdp/execute`, { cmd, params });
  }

  screen({ width, height, mobile = false, scale = 1, dark = false }) {
    return Promise.all([
      this.devtools("Emulation.setDeviceMetricsOverride", {
        width, height, mobile, deviceScaleFactor: scale,
      }),
      this.devtools("Emulation.setEmulatedMedia", {
        features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
      }),
    ]);
  }

  run(script, ...args) {
    return call("POST", `${this.session}/execute/sync`, { script, args });
  }

  async find(css) {
    const found = await call("POST", `${this.session}/element`, { using: "css selector", value: css });
    return found[ELEMENT];
  }

  async click(css) {
    const element = await this.find(css);
    await call("POST", `${this.session}/element/${element}/click`);
  }

  async type(css, text) {
    const element = await this.find(css);
    await call("POST", `${this.session}/element/${element}/value`, { text });
  }

  /** Presses keys wherever the focus is. */
  async press(...keys) {
    const actions = keys.flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]);
    await call("POST", `${this.session}/actions`, { actions: [{ type: "key", id: "keys", actions }] });
  }

  /** What the page complained about since the last call: errors, and what its policy stopped. */
  async complaints() {
    const entries = await call("POST", `${this.session}/se/log`, { type: "browser" });
    return entries.filter((entry) => entry.level !== "INFO").map((entry) => entry.message);
  }

  /** A PNG of the page, or with `whole` of all of it. */
  async picture(whole = false) {
    const { data } = await this.devtools("Page.captureScreenshot", { captureBeyondViewport: whole });
    return Buffer.from(data, "base64");
  }
}
