// What a page of another site can make a signed-in visitor's browser do: nothing.

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { launch, logIn, otherSite, seen, sessionCookie, Site } from "./support.js";

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

// `localhost` is another site, without the cookie. `127.0.0.1` on another port is the same site to a browser, which
// therefore sends the cookie: only the headers tell that it is another origin.
for (const host of ["localhost", "127.0.0.1"]) {
  for (const action of ["/logout", "/devices/revoke-others"]) {
    test(`a form on ${host} cannot post to ${action}`, async (t) => {
      await logIn(page, site);
      const token = await page.locator("input[name=csrf]").first().inputValue();
      const evil = await otherSite(host, site.url + action, { csrf: token });
      t.after(evil.stop);
      await page.goto(evil.url);
      const [response] = await Promise.all([page.waitForNavigation(), page.getByText("Win a prize").click()]);
      assert.equal(response.status(), 403);
      await page.getByText("Please reload the form and try again.").waitFor();
      await page.getByRole("link", { name: "Reload the form" }).click();
      assert.equal((await seen(page)).user, "user1");
    });
  }

  test(`a form on ${host} cannot sign a visitor in`, async (t) => {
    await page.goto(site.url);
    const token = await page.locator("input[name=csrf]").inputValue();
    const evil = await otherSite(host, `${site.url}/user`, { csrf: token, username: "user1", password: "mypassword" });
    t.after(evil.stop);
    await page.goto(evil.url);
    const [response] = await Promise.all([page.waitForNavigation(), page.getByText("Win a prize").click()]);
    assert.equal(response.status(), 403);
    assert.equal(await sessionCookie(context), undefined);
  });

  test(`a link on ${host} cannot sign a visitor out`, async (t) => {
    await logIn(page, site);
    const evil = await otherSite(host, `${site.url}/logout`);
    t.after(evil.stop);
    await page.goto(evil.url);
    const [response] = await Promise.all([page.waitForNavigation(), page.getByText("Read more").click()]);
    assert.equal(response.status(), 403);
    await page.goto(site.url);
    assert.equal((await seen(page)).user, "user1");
  });
}

test("a form that is older than the session is refused, and works when it is reloaded", async () => {
  await page.goto(site.url);
  const other = await context.newPage();
  await logIn(other, site);
  await page.getByLabel("Username").fill("user1");
  await page.getByLabel("Password").fill("mypassword");
  const [response] = await Promise.all([
    page.waitForNavigation(),
    page.getByRole("button", { name: "Log in" }).click(),
  ]);
  assert.equal(response.status(), 403);
  await page.getByRole("link", { name: "Reload the form" }).click();
  assert.equal((await seen(page)).user, "user1");
});

test("no other site can show the page in a frame", async (t) => {
  const evil = await otherSite("localhost", site.url);
  t.after(evil.stop);
  await page.goto(evil.url);
  const loaded = page.waitForEvent("frameattached");
  await page.evaluate((url) => {
    const frame = document.createElement("iframe");
    frame.src = url;
    document.body.append(frame);
  }, site.url);
  const frame = await loaded;
  await frame.waitForLoadState();
  assert.equal(await frame.getByLabel("Username").count(), 0);
});
