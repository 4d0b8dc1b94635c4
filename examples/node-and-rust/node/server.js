// The express half of the site. `node node/server.js --store URL` says where it listens.
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import express from 'express'
import session from 'express-session'
import { openStore } from './stores.js'

const { values: options } = parseArgs({
  options: {
    store: { type: 'string' },
    name: { type: 'string', default: 'shared' },
    objects: { type: 'boolean', default: false },
    'max-age': { type: 'string', default: '3600' },
    rolling: { type: 'boolean', default: false },
    port: { type: 'string', default: '0' }
  }
})
const { store, close } = await openStore(options.store, options.name, options.objects)
const app = express()
app.use(express.json())
app.use(session({
  secret: process.env.SESSION_SECRET,
  store,
  resave: false,
  saveUninitialized: false,
  rolling: options.rolling,
  cookie: { maxAge: 1000 * Number(options['max-age']) }
}))

const call = (session, method) => new Promise((resolve, reject) => {
  session[method]((error) => error ? reject(error) : resolve())
})
const data = ({ cookie, _session, ...data }) => data

app.get('/', ({ session }, response) => {
  response.json(data(session))
})

app.post('/login', async (request, response) => {
  await call(request.session, 'regenerate')
  request.session.user = request.body.user
  response.json(data(request.session))
})

app.post('/count', ({ session }, response) => {
  session.count = (session.count ?? 0) + 1
  response.json(data(session))
})

app.post('/set', ({ session, body }, response) => {
  session[body.key] = body.value
  response.json(data(session))
})

// Saved before the answer, as one does before a redirect.
app.post('/save', async ({ session }, response) => {
  await call(session, 'save')
  response.json(data(session))
})

app.post('/logout', async (request, response) => {
  await call(request.session, 'destroy')
  response.json({})
})

const server = app.listen(Number(options.port), '127.0.0.1')
await once(server, 'listening')
console.log(`Listening on http://127.0.0.1:${server.address().port}`)

process.on('SIGTERM', () => server.close(close))
process.on('SIGINT', () => server.close(close))
