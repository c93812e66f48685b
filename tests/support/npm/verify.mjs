// A resource server as many are: it takes tokens on standard input, a line each, and says of each
// "good" or why not. It keeps the public keys for as long as it is told to, and does not look
// again in between: a key that it does not know then is a failure.
import { createInterface } from 'node:readline'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const [url, issuer, audience, seconds] = process.argv.slice(2)
const keys = createRemoteJWKSet(new URL(url), {
  cacheMaxAge: Number(seconds) * 1000,
  cooldownDuration: 3_600_000,
})

for await (const token of createInterface({ input: process.stdin })) {
  try {
    await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', clockTolerance: 30 })
    console.log('good')
  } catch (error) {
    console.log(error.code ?? String(error))
  }
}
