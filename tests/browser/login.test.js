// Signing in and out as a person does.

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { launch, logIn, seen, sessionCookie, Site } from "./support.js";

const DAY = 24 * 60 * 60;

let site, browser, context, page;
before(async () => {
  [site, browser] = await Promise.all([Site.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(() => context.close());

/** How many days the cookie has to live. */
async function daysLeft() {
  return ((await sessionCookie(context)).expires - Date.now() / 1000) / DAY;
}

test("after signing in, each reload counts a visit", async () => {
  await logIn(page, site);
  assert.deepEqual(await seen(page), { user: "user1", visits: 1 });
  for (const visits of [2, 3]) {
    await page.reload();
    assert.deepEqual(await seen(page), { user: "user1", visits });
  }
  assert.equal(new URL(page.url()).pathname, "/");
});

test("a wrong password shows the message and sets no cookie", async () => {
  await logIn(page, site, { password: "nonsense" });
  assert.equal(await page.getByRole("alert").innerText(), "Wrong username or password.");
  assert.equal(await page.getByLabel("Username").inputValue(), "user1");
  assert.equal(await page.getByLabel("Password").inputValue(), "");
  assert.deepEqual(await context.cookies(), []);
  // The form on that page works.
  await page.getByLabel("Password").fill("mypassword");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Welcome user1" }).waitFor();
});

test("a second browser is a stranger", async () => {
  await logIn(page, site);
  const other = await browser.newContext();
  const otherPage = await other.newPage();
  await otherPage.goto(site.url);
  assert.equal((await seen(otherPage)).user, null);
  assert.deepEqual(await other.cookies(), []);
  await other.close();
});

test("a restart of the server signs nobody out", async () => {
  await logIn(page, site);
  await site.restart();
  await page.reload();
  assert.deepEqual(await seen(page), { user: "user1", visits: 2 });
});

test("logging out says so once, and neither Back nor the old cookie bring the session back", async () => {
  for (const [role, name] of [["link", "Log out"], ["button", "Log out on this device"]]) {
    await logIn(page, site);
    const old = await sessionCookie(context);
    await page.getByRole(role, { name, exact: true }).click();
    await page.getByText("You are logged out.").waitFor();
    assert.equal((await seen(page)).user, null);
    assert.notEqual((await sessionCookie(context))?.value, old.value);
    await page.reload();
    assert.equal(await page.getByText("You are logged out.").count(), 0);

    await page.goBack();
    assert.equal((await seen(page)).user, null);
    await page.reload();
    assert.equal((await seen(page)).user, null);

    await context.clearCookies();
    await context.addCookies([old]);
    await page.goto(site.url);
    assert.equal((await seen(page)).user, null);
    await context.clearCookies();
  }
});

test("a cookie of before the login is worthless after it", async () => {
  await logIn(page, site);
  await page.getByRole("link", { name: "Log out" }).click();
  await page.getByText("You are logged out.").waitFor();
  const before = await sessionCookie(context);
  await logIn(page, site);
  assert.equal((await seen(page)).user, "user1");
  await context.addCookies([before]);
  await page.reload();
  assert.equal((await seen(page)).user, null);
});

test("remember me makes the cookie last for 30 days in place of one", async () => {
  await logIn(page, site);
  assert.ok(Math.abs((await daysLeft()) - 1) < 0.01);
  await page.getByText("Ends after 1 day without a visit.").waitFor();
  await context.clearCookies();
  await logIn(page, site, { remember: true });
  assert.ok(Math.abs((await daysLeft()) - 30) < 0.01);
  await page.getByText("ends after 30 days without a visit").waitFor();
});

test("the cookie is hidden from scripts and bound to the site", async () => {
  await logIn(page, site);
  const { httpOnly, sameSite, path, domain, value } = await sessionCookie(context);
  assert.deepEqual({ httpOnly, sameSite, path, domain }, {
    httpOnly: true,
    sameSite: "Lax",
    path: "/",
    domain: "127.0.0.1",
  });
  assert.match(value, /^s%3A[\w-]+\./);
  assert.equal(await page.evaluate(() => document.cookie), "");
});

test("logging out everywhere else ends the second browser's session and keeps the first", async () => {
  await logIn(page, site);
  const other = await browser.newContext();
  const otherPage = await other.newPage();
  await logIn(otherPage, site);
  await page.reload();
  await page.getByRole("button", { name: "Log out everywhere else" }).click();
  await page.getByText(/Logged out on \d+ other devices?\./).waitFor();
  assert.equal(await page.locator("#devices li").count(), 1);
  assert.equal((await seen(page)).user, "user1");
  await otherPage.reload();
  assert.equal((await seen(otherPage)).user, null);
  await other.close();
});

test("the pages load nothing from elsewhere, run no script and break no rule of their own", async () => {
  const requested = [];
  const complaints = [];
  page.on("request", (request) => requested.push(request.url()));
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await logIn(page, site);
  await page.getByRole("link", { name: "Log out" }).click();
  await page.getByText("You are logged out.").waitFor();
  assert.deepEqual(requested.filter((url) => !url.startsWith(`${site.url}/`)), []);
  assert.deepEqual(complaints, []);
});
