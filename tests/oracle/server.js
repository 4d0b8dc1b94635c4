// Answers the suite's questions: one JSON object a line comes in, one goes out. Ends when its input does.
import { createInterface } from 'node:readline'
// The clock must be in place before express-session takes the global Date.
import './lib/clock.js'
const { gate, forgetGates } = await import('./lib/gate.js')
const { openSite } = await import('./lib/site.js')

const sites = new Map()
let opened = 0

/** What may be asked; `tests/conformance/src/adapter/host.rs` has the same list. */
const answers = {
  hello: () => null,
  async open ({ options, now }) {
    const number = ++opened
    const site = await openSite(options, now)
    sites.set(number, site)
    return { site: number, port: site.port }
  },
  close ({ site }) {
    forgetGates(`${site}/`)
    sites.get(site)?.close()
    sites.delete(site)
  },
  clock ({ site, now }) { sites.get(site).clock.now = now },
  calls: ({ site }) => sites.get(site).store.takeCalls(),
  fail ({ site, verbs }) { sites.get(site).store.failing = new Set(verbs) },
  hold ({ site, verb }) { sites.get(site).store.holding = verb },
  held: ({ site, count }) => sites.get(site).store.held(count),
  release ({ site }) { sites.get(site).store.release() },
  records: ({ site }) => sites.get(site).records(),
  plant ({ site, key, payload }) { sites.get(site).store.sessions[key] = payload },
  forget ({ site }) { sites.get(site).store.sessions = Object.create(null) },
  arrived: (question) => gate(question.gate).arrived(question.count),
  leave (question) { gate(question.gate).open(question.count) },
  report: (question) => gate(question.gate).report()
}

function say (line) {
  process.stdout.write(JSON.stringify(line) + '\n')
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, ask } = JSON.parse(line)
  try {
    const [[what, question]] = Object.entries(typeof ask === 'string' ? { [ask]: {} } : ask)
    say({ id, answer: (await answers[what](question)) ?? null })
  } catch (error) {
    say({ id, error: String(error?.stack ?? error) })
  }
}).on('close', () => process.exit())
