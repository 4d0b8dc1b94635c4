// A server as an application would write it, with express-session and the suite's routes.
import { once } from 'node:events'
import http from 'node:http'
import express from 'express'
import session from 'express-session'
import { at } from './clock.js'
import { Play } from './script.js'
import { ProbeStore } from './store.js'

/** express-session's options, from those of the suite. */
function sessionOptions (options, store) {
  const { path, domain, http_only: httpOnly, secure, same_site: sameSite, partitioned, priority, max_age: maxAge, expires } = options.cookie
  const cookie = {
    path,
    domain,
    httpOnly,
    secure: { never: false, always: true, auto: 'auto' }[secure],
    sameSite: sameSite === 'unset' ? undefined : sameSite,
    partitioned: partitioned || undefined,
    priority,
    expires: expires === null ? undefined : new Date(expires),
    maxAge
  }
  // An option that is there and undefined would take the place of the default.
  for (const [name, value] of Object.entries(cookie)) if (value === undefined || value === null) delete cookie[name]
  const ids = [...options.ids]
  return {
    store,
    secret: options.secrets,
    name: options.name ?? undefined,
    resave: options.resave,
    saveUninitialized: options.save_uninitialized,
    rolling: options.rolling,
    unset: options.unset,
    proxy: { nobody: false, everybody: true }[options.proxy],
    cookie: options.by_request ? forHost(cookie) : cookie,
    ...(options.by_request && { genid: (request) => `${request.hostname.split('.')[0]}-${crypto.randomUUID()}` }),
    ...(ids.length > 0 && { genid: () => ids.shift() ?? `id-${Math.random()}` })
  }
}

/** The cookie is for the host that was asked for. */
function forHost (cookie) {
  return ({ hostname }) => hostname === 'localhost' ? { ...cookie } : { ...cookie, domain: hostname }
}

/** What Express is to trust, from the suite's word. */
function trustProxy (proxy) {
  if (proxy === 'private_networks') return 'loopback, linklocal, uniquelocal'
  return proxy.hops ?? proxy.addresses
}

/** Opens a server on a free port. */
export async function openSite (options, now) {
  const clock = { now }
  const store = new ProbeStore()
  const app = express()
  app.disable('x-powered-by')
  const trusted = trustProxy(options.proxy)
  if (trusted !== undefined) app.set('trust proxy', trusted)
  const sessions = at(clock, () => session(sessionOptions(options, store)))

  const played = (respond) => async (request, response, next) => {
    try {
      const play = new Play(request)
      await play.all(JSON.parse(request.headers['x-script'] ?? request.body))
      await respond(play, response, next)
    } catch (error) {
      next(error)
    }
  }
  const play = played((play, response) => play.send(response))
  const nested = express.Router()
  nested.use(sessions)
  nested.all('/play', play)

  app.use('/nested', nested)
  app.use(['/play', '/maybe', '/idle', '/fail', '/stream'], sessions)
  app.all(['/play', '/maybe', '/idle'], play)
  app.all('/fail', played((play, _response, next) => {
    next(Object.assign(new Error('the handler failed'), { status: play.status }))
  }))
  app.all('/stream', played((play, response) => play.stream(response)))
  app.use((error, _request, response, _next) => {
    // Too late to tell anybody: a save failed after the answer had begun.
    if (response.headersSent) return
    response.status(error.status ?? 500).type('text').send('Something went wrong.')
  })

  const server = http.createServer(async (request, response) => {
    // Read here, since the events of the request would run by the real clock.
    request.body = Buffer.concat(await request.toArray().catch(() => []))
    at(clock, () => app(request, response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    clock,
    store,
    port: server.address().port,
    records () {
      return Object.entries(store.sessions).flatMap(([key, payload]) => {
        const end = expiry(payload)
        return end !== null && end <= clock.now ? [] : [{ key, payload, expires: end }]
      })
    },
    close () {
      server.close()
      server.closeAllConnections()
    }
  }
}

/** When a record ends, in milliseconds since the epoch. */
function expiry (payload) {
  try {
    const { expires } = JSON.parse(payload).cookie
    return expires ? Date.parse(expires) : null
  } catch {
    return null
  }
}
