// Time as each site has it: within a site's request, Date tells the site's clock. Only whoever asks it outside of one is
// told the real time.
import { AsyncLocalStorage } from 'node:async_hooks'

const clocks = new AsyncLocalStorage()
const RealDate = Date

class SiteDate extends RealDate {
  constructor (...all) {
    if (all.length === 0) super(SiteDate.now())
    else super(...all)
  }

  static now () {
    return clocks.getStore()?.now ?? RealDate.now()
  }
}

globalThis.Date = SiteDate

/** Runs `act`, and everything it starts, by a clock: an object whose `now` is in milliseconds since the epoch. */
export function at (clock, act) {
  return clocks.run(clock, act)
}
