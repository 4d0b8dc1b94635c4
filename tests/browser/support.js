// The login example as a process, and a real Chromium to look at it with.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const ROOT = path.resolve(import.meta.dirname, "../..");

// The program to look at; without one, cargo builds that for axum.
const CARGO = ["cargo", "run", "-q", "-p", "login-axum", "--features", "servers", "--"];
const COMMAND = process.env.DEMO_PROGRAM ? [process.env.DEMO_PROGRAM] : CARGO;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The login example with a database of its own. */
export class Site {
  #folder;
  #options;
  #process;
  #port = 0;

  /** Starts it; the first time this may have to compile it. */
  static async start(options = []) {
    const site = new Site();
    site.#folder = await mkdtemp(path.join(tmpdir(), "login-demo-"));
    site.#options = ["--store", "sqlite", "--database", path.join(site.#folder, "login.sqlite3"), ...options];
    await site.#run();
    return site;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async #run() {
    const [program, ...args] = COMMAND;
    args.push(...this.#options, "--port", String(this.#port));
    const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    this.#process = { child, exited };
    for await (const line of createInterface({ input: child.stdout })) {
      const found = /^Listening on http:\/\/127\.0\.0\.1:(\d+)$/.exec(line);
      if (found) {
        this.#port = Number(found[1]);
        child.stdout.resume();
        return;
      }
    }
    throw new Error(`\`${program} ${args.join(" ")}\` ended before it listened`);
  }

  async #end() {
    this.#process.child.kill("SIGTERM");
    const [code, signal] = await this.#process.exited;
    if (code !== 0) {
      throw new Error(`the example ended with ${signal ?? code}`);
    }
  }

  /** Stops it as a person would, and starts it again on the same port and database. */
  async restart() {
    await this.#end();
    await this.#run();
  }

  async stop() {
    await this.#end();
    await rm(this.#folder, { recursive: true });
  }
}

/** A browser with a new profile. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

/** Fills in the login form and sends it. */
export async function logIn(page, site, { password = "mypassword", remember = false } = {}) {
  await page.goto(site.url);
  await page.getByLabel("Username").fill("user1");
  await page.getByLabel("Password").fill(password);
  await page.getByLabel("Remember me").setChecked(remember);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** The session cookie of a browser context, if it has one. */
export async function sessionCookie(context) {
  return (await context.cookies()).find((cookie) => cookie.name === "sid");
}

/** What the page says: whose it is, and the visits. */
export async function seen(page) {
  const welcome = await page.getByRole("heading", { name: "Welcome user1" }).count();
  return welcome ? { user: "user1", visits: Number(await page.locator("#visits").innerText()) } : { user: null };
}

/** A page on another origin, with a form that it sends by itself. */
export async function otherSite(host, action, fields = {}) {
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  const html = `<form method="post" action="${action}">${inputs.join("")}<button>Win a prize</button></form>
    <a href="${action}">Read more</a>`;
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(html));
  server.listen(0, "localhost" === host ? "localhost" : "127.0.0.1");
  await once(server, "listening");
  return { url: `http://${host}:${server.address().port}/`, stop: () => server.close() };
}
