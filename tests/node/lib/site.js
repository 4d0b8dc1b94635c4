// The Node side: a real express-session server over a MemoryStore, whose content the Rust side is handed.
import { once } from 'node:events'
import http from 'node:http'
import express from 'express'
import session from 'express-session'

const DAY = 24 * 60 * 60 * 1000

/** Starts a server. `play` makes one request; `store` is what both servers share. */
export async function startSite (options) {
  const store = new session.MemoryStore()
  const lookedUp = []
  const get = store.get
  store.get = function (id, callback) {
    lookedUp.push(id)
    return get.call(this, id, callback)
  }
  const app = express()
  app.set('trust proxy', true)
  app.use(express.json())
  app.use(session({ resave: false, saveUninitialized: false, store, ...options }))
  app.post('/', async (request, response, next) => {
    try {
      for (const step of request.body) await play(request, step)
      const { session, sessionID } = request
      if (!session) return response.json({ id: sessionID })
      const { cookie, ...data } = JSON.parse(JSON.stringify(session))
      response.json({ id: sessionID, keys: Object.keys(data), data, cookie, maxAge: session.cookie.maxAge })
    } catch (error) {
      next(error)
    }
  })
  const server = http.createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    store,
    lookedUp,
    /** One request over (trusted) https: what the handler saw, and the Set-Cookie line. */
    async play (cookie, script = []) {
      const body = JSON.stringify(script)
      const request = http.request({
        port: server.address().port,
        method: 'POST',
        agent: false,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
          'X-Forwarded-Proto': 'https',
          ...(cookie === undefined ? {} : { Cookie: cookie })
        }
      })
      request.end(body)
      const [response] = await once(request, 'response')
      const text = (await response.setEncoding('utf8').toArray()).join('')
      if (response.statusCode !== 200) throw new Error(text)
      return { ...JSON.parse(text), setCookie: response.headers['set-cookie']?.at(-1) }
    },
    /** What the store holds, for the Rust side. */
    records () {
      return Object.fromEntries(Object.entries(store.sessions).map(([id, payload]) => {
        const { expires } = JSON.parse(payload).cookie
        return [id, { payload, expiresAt: expires ? Date.parse(expires) : Date.now() + DAY }]
      }))
    },
    /** What the store holds after a request to the Rust side. */
    hold (records) {
      store.sessions = Object.create(null)
      for (const [id, { payload }] of Object.entries(records)) store.sessions[id] = payload
    },
    stop () {
      server.close()
    }
  }
}

function play (request, step) {
  const [[what, argument]] = Object.entries(typeof step === 'string' ? { [step]: null } : step)
  switch (what) {
    case 'insert': request.session[argument[0]] = argument[1]; return
    case 'remove': delete request.session[argument]; return
    case 'count': request.session[argument] = (request.session[argument] ?? 0) + 1; return
    case 'max_age': request.session.cookie.maxAge = argument; return
    case 'regenerate': return new Promise((resolve, reject) => request.session.regenerate((error) => error ? reject(error) : resolve()))
    case 'destroy': return new Promise((resolve, reject) => request.session.destroy((error) => error ? reject(error) : resolve()))
    default: throw new Error(`no such step: ${what}`)
  }
}
