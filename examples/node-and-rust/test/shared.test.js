// A session that one half of the site begins, the other half goes on with: for each store, with the real Node packages.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Browser, openRecords, startBoth, until } from '../lib/support.js'

const STORES = [
  ['connect-redis', 'redis', 'REDIS_URL'],
  ['connect-pg-simple', 'postgres', 'POSTGRES_URL'],
  ['express-mysql-session', 'mysql', 'MYSQL_URL'],
  ['connect-mongo', 'mongodb', 'MONGODB_URL'],
  ['connect-mongo with objects', 'mongodb', 'MONGODB_URL', '--objects']
]
const MAX_AGE = 3600
const near = (actual, expected) => assert.ok(Math.abs(actual - expected) < 20_000, `${actual - expected} ms off`)

for (const [packageName, kind, variable, ...layout] of STORES) {
  const url = process.env[variable]
  const required = (process.env.SESSION_REQUIRE ?? '').split(',').includes(kind)
  const skip = !url && !required && `set ${variable} to run this`
  describe(packageName, { skip }, () => {
    const name = `shared_${randomBytes(6).toString('hex')}`
    let site
    let records
    before(async () => {
      assert.ok(url, `SESSION_REQUIRE names ${kind}, and ${variable} is not set`)
      site = await startBoth(url, name, ['--max-age', String(MAX_AGE), ...layout])
      records = await openRecords(url, name, layout.length > 0)
    })
    after(async () => {
      await site?.stop()
      await records?.close()
    })

    for (const [first, second] of [['node', 'rust'], ['rust', 'node']]) {
      test(`logged in at ${first}, changed at ${second}, logged out at ${second}: gone at both`, async () => {
        const browser = new Browser()
        await browser.post(`${site[first]}/login`, { user: 'Zoë ☃ 🦀' })
        assert.deepEqual(await browser.get(site[second]), { user: 'Zoë ☃ 🦀' })
        await browser.post(`${site[second]}/set`, { key: 'cart', value: ['"quoted"', { $price: 3.5 }, null] })
        await browser.post(`${site[first]}/count`)
        await browser.post(`${site[second]}/count`)
        const both = { user: 'Zoë ☃ 🦀', cart: ['"quoted"', { $price: 3.5 }, null], count: 2 }
        assert.deepEqual(await browser.get(site.node), both)
        assert.deepEqual(await browser.get(site.rust), both)
        const copy = Object.assign(new Browser(), { cookie: browser.cookie })
        await browser.post(`${site[second]}/logout`)
        for (const half of [site.node, site.rust]) assert.deepEqual(await copy.get(half), {})
      })

      test(`a session that ${first} began is logged out at ${first} while ${second} has used it: gone at both`, async () => {
        const browser = new Browser()
        await browser.post(`${site[first]}/login`, { user: 'ada' })
        await browser.post(`${site[second]}/count`)
        const copy = Object.assign(new Browser(), { cookie: browser.cookie })
        await browser.post(`${site[first]}/logout`)
        for (const half of [site.rust, site.node]) assert.deepEqual(await copy.get(half), {})
      })

      test(`a login at ${second} gives a session of ${first} another id, and the old one is dead at both`, async () => {
        const browser = new Browser()
        await browser.post(`${site[first]}/count`)
        const before = browser.cookie
        await browser.post(`${site[second]}/login`, { user: 'ada' })
        assert.notEqual(browser.cookie, before)
        assert.deepEqual(await browser.get(site[first]), { user: 'ada' })
        const thief = Object.assign(new Browser(), { cookie: before })
        for (const half of [site.rust, site.node]) assert.deepEqual(await thief.get(half), {})
      })
    }

    for (const half of ['node', 'rust']) {
      test(`a visit at ${half} extends the life for both`, async () => {
        const browser = new Browser()
        await browser.post(`${site[half === 'node' ? 'rust' : 'node']}/login`, { user: 'ada' })
        near(await records.expires(browser.id), Date.now() + MAX_AGE * 1000)
        await records.expire(browser.id, Date.now() + 60_000)
        assert.deepEqual(await browser.get(site[half]), { user: 'ada' })
        near(await records.expires(browser.id), Date.now() + MAX_AGE * 1000)
      })

      test(`what has expired is gone at ${half}`, async () => {
        const browser = new Browser()
        await browser.post(`${site.node}/login`, { user: 'ada' })
        await records.expire(browser.id, Date.now() - 2000)
        assert.deepEqual(await browser.get(site[half]), {})
      })
    }

    test('a stale cookie.expires in the record, which touches leave behind, logs nobody out', async () => {
      const browser = new Browser()
      await browser.post(`${site.node}/login`, { user: 'ada' })
      const record = await records.payload(browser.id)
      record.cookie.expires = new Date(Date.now() - 60_000).toISOString()
      await records.write(browser.id, record)
      assert.deepEqual(await browser.get(site.rust), { user: 'ada' })
      // express-session would hand the store the stale date, and connect-redis would delete the record.
      await browser.post(`${site.rust}/save`)
      near(await records.expires(browser.id), Date.now() + MAX_AGE * 1000)
      assert.deepEqual(await browser.get(site.node), { user: 'ada' })
      await browser.post(`${site.rust}/count`)
      const written = await records.payload(browser.id)
      near(Date.parse(written.cookie.expires), Date.now() + MAX_AGE * 1000)
      assert.deepEqual(await browser.get(site.node), { user: 'ada', count: 1 })
    })

    test('what node writes between the load and the save of rust is kept', async () => {
      const browser = new Browser()
      await browser.post(`${site.node}/login`, { user: 'ada' })
      const slow = browser.post(`${site.rust}/set`, { key: 'from_rust', value: 1, pause: true })
      await until(() => browser.get(`${site.rust}/waiting`), 1)
      await browser.post(`${site.node}/set`, { key: 'from_node', value: 2 })
      await fetch(`${site.rust}/go`, { method: 'POST' })
      await slow
      const both = { user: 'ada', from_rust: 1, from_node: 2 }
      for (const half of [site.rust, site.node]) assert.deepEqual(await browser.get(half), both)
    })

    test('a session that node ends between the load and the save of rust does not come back', async () => {
      const browser = new Browser()
      await browser.post(`${site.node}/login`, { user: 'ada' })
      const copy = Object.assign(new Browser(), { cookie: browser.cookie })
      const slow = browser.request('POST', `${site.rust}/set`, { key: 'late', value: 1, pause: true })
      await until(() => copy.get(`${site.rust}/waiting`), 1)
      await copy.post(`${site.node}/logout`)
      await fetch(`${site.rust}/go`, { method: 'POST' })
      const { status, set } = await slow
      assert.equal(status, 409)
      assert.equal(set, undefined)
      for (const half of [site.rust, site.node]) assert.deepEqual(await copy.get(half), {})
    })

    test('fifty parallel counts at rust, over a session that node began, lose none', async () => {
      const browser = new Browser()
      await browser.post(`${site.node}/login`, { user: 'ada' })
      const counts = Array.from({ length: 50 }, () => browser.request('POST', `${site.rust}/count`))
      for (const { status } of await Promise.all(counts)) assert.equal(status, 200)
      assert.deepEqual(await browser.get(site.node), { user: 'ada', count: 50 })
    })
  })

  describe(`${packageName}, rolling`, { skip }, () => {
    const name = `rolling_${randomBytes(6).toString('hex')}`
    let site
    let records
    before(async () => {
      site = await startBoth(url, name, ['--max-age', String(MAX_AGE), '--rolling', ...layout])
      records = await openRecords(url, name, layout.length > 0)
    })
    after(async () => {
      await site?.stop()
      await records?.close()
    })

    for (const half of ['node', 'rust']) {
      test(`every response of ${half} carries the cookie with a new date`, async () => {
        const browser = new Browser()
        await browser.post(`${site.node}/login`, { user: 'ada' })
        await records.expire(browser.id, Date.now() + 60_000)
        const { set, data } = await browser.request('GET', site[half])
        assert.deepEqual(data, { user: 'ada' })
        near(Date.parse(/expires=([^;]*)/i.exec(set)[1]), Date.now() + MAX_AGE * 1000)
        near(await records.expires(browser.id), Date.now() + MAX_AGE * 1000)
      })
    }
  })
}
