// Both servers on one store, a browser that visits them, and a way to the records past both.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { createClient } from 'redis'

const HERE = fileURLToPath(new URL('..', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const SECRET = 'a secret that both servers know, of some length'

/** Starts one half of the site; answers its URL and how to stop it. */
async function start (command, args, cwd) {
  const child = spawn(command, args, { cwd, env: { ...process.env, SESSION_SECRET: SECRET }, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, 'exit')
  const [line] = await Promise.race([once(lines, 'line'), ended.then(([code]) => { throw new Error(`${command} ended with ${code}`) })])
  return { url: line.replace('Listening on ', ''), stop: () => { child.kill(); return ended } }
}

/** Both halves on the store at `url`. */
export async function startBoth (url, name, options = []) {
  const args = ['--store', url, '--name', name, ...options]
  const binary = process.env.NODE_AND_RUST
  // The Rust half makes the tables, with the columns that it adds.
  const rust = binary
    ? await start(binary, args, ROOT)
    : await start('cargo', ['run', '--quiet', '--package', 'node-and-rust', '--', ...args], ROOT)
  const node = await start('node', ['node/server.js', ...args], HERE)
  return { node: node.url, rust: rust.url, stop: () => Promise.all([node.stop(), rust.stop()]) }
}

/** A browser that knows both halves as one site: its cookies go to either. */
export class Browser {
  cookie
  async request (method, url, body) {
    const headers = { ...(this.cookie && { Cookie: this.cookie }), ...(body && { 'Content-Type': 'application/json' }) }
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
    const [set] = response.headers.getSetCookie()
    if (set) {
      const expires = /expires=([^;]*)/i.exec(set)?.[1]
      this.cookie = expires && Date.parse(expires) <= Date.now() ? undefined : set.split(';')[0]
    }
    const text = await response.text()
    return { status: response.status, set, data: response.ok ? JSON.parse(text) : text }
  }

  async get (url) { return (await this.request('GET', url)).data }
  async post (url, body) { return (await this.request('POST', url, body)).data }
  get id () { return decodeURIComponent(this.cookie.split('=')[1]).slice(2).split('.')[0] }
}

/** The records of one store, read and changed past both servers. Times in milliseconds since 1970. */
export async function openRecords (url, name, objects) {
  switch (url.split(':')[0]) {
    case 'redis': {
      const client = await createClient({ url }).connect()
      const key = (id) => `${name}:${id}`
      return {
        payload: async (id) => JSON.parse(await client.get(key(id))),
        write: (id, record) => client.set(key(id), JSON.stringify(record), { KEEPTTL: true }),
        expires: (id) => client.pExpireTime(key(id)),
        expire: (id, at) => client.pExpireAt(key(id), at),
        close: () => client.close()
      }
    }
    case 'postgres': {
      const client = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC' })
      await client.connect()
      const row = async (id, what) => (await client.query(`SELECT ${what} AS x FROM "${name}" WHERE sid = $1`, [id])).rows[0]?.x
      return {
        payload: (id) => row(id, 'sess'),
        write: (id, record) => client.query(`UPDATE "${name}" SET sess = $2 WHERE sid = $1`, [id, record]),
        expires: async (id) => Number(await row(id, 'extract(epoch FROM expire) * 1000')),
        expire: (id, at) => client.query(`UPDATE "${name}" SET expire = to_timestamp($2) WHERE sid = $1`, [id, at / 1000]),
        async close () {
          await client.query(`DROP TABLE "${name}"`)
          await client.end()
        }
      }
    }
    case 'mysql': {
      const client = await mysql.createConnection(url)
      const row = async (id, what) => (await client.query(`SELECT ${what} AS x FROM ${name} WHERE session_id = ?`, [id]))[0][0]?.x
      return {
        payload: async (id) => JSON.parse(await row(id, 'data')),
        write: (id, record) => client.query(`UPDATE ${name} SET data = ? WHERE session_id = ?`, [JSON.stringify(record), id]),
        expires: async (id) => 1000 * await row(id, 'expires'),
        expire: (id, at) => client.query(`UPDATE ${name} SET expires = ? WHERE session_id = ?`, [Math.round(at / 1000), id]),
        async close () {
          await client.query(`DROP TABLE ${name}`)
          await client.end()
        }
      }
    }
    case 'mongodb': {
      const client = await new MongoClient(url).connect()
      const records = client.db('test').collection(name)
      const one = (_id) => records.findOne({ _id })
      return {
        async payload (id) {
          const { session } = await one(id)
          assert.equal(typeof session, objects ? 'object' : 'string')
          return objects ? session : JSON.parse(session)
        },
        write (_id, record) {
          const object = { ...record, cookie: { ...record.cookie, expires: new Date(record.cookie.expires) } }
          return records.updateOne({ _id }, { $set: { session: objects ? object : JSON.stringify(record) } })
        },
        expires: async (id) => (await one(id)).expires.getTime(),
        expire: (_id, at) => records.updateOne({ _id }, { $set: { expires: new Date(at) } }),
        async close () {
          await records.drop()
          await client.close()
        }
      }
    }
    default: throw new Error(`no way to the records at a URL like ${url.split(':')[0]}`)
  }
}

/** Asks until the answer is the one that is waited for. */
export async function until (ask, wanted) {
  for (let tries = 0; tries < 500; tries++) {
    if (await ask() === wanted) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`it was not ${wanted} within 5 seconds`)
}
