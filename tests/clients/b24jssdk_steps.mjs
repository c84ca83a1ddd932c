// What b24jssdk_suite.py has @bitrix24/b24jssdk do: steps as JSON on standard input, their answers as JSON on
// standard output.

import { readFileSync } from 'node:fs'
import { ApiVersion, B24Hook, B24OAuth } from '@bitrix24/b24jssdk'

const told = JSON.parse(readFileSync(0, 'utf8'))
const client = told.oauth ? new B24OAuth(told.oauth, told.secret) : B24Hook.fromWebhookUrl(told.webhook)
client.offClientSideWarning()
const v2 = client.actions.v2

const pairs = []
if (told.oauth) {
  client.setCallbackRefreshAuth(async ({ b24OAuthParams }) => { pairs.push(b24OAuthParams) })
}

function plain(answer) {
  return {
    data: answer.getData(),
    errors: [...answer.errors].map(([key, error]) => [key, error.code, error.message])
  }
}

const steps = {
  async call(method, params) {
    const answer = await v2.call.make({ method, params })
    return answer.getData().result
  },

  async batch(calls, isHaltOnError) {
    return plain(await v2.batch.make({ calls, options: { isHaltOnError } }))
  },

  async chunks(calls) {
    return plain(await v2.batchByChunk.make({ calls, options: { isHaltOnError: false } }))
  },

  async callList(options) {
    return plain(await v2.callList.make(options)).data
  },

  async fetchList(options) {
    const rows = []
    for await (const page of v2.fetchList.make(options)) {
      rows.push(...page)
    }
    return rows
  },

  async fetchNext(options) {
    const rows = []
    let answer = await v2.call.make(options)
    while (answer) {
      rows.push(...answer.getData().result)
      answer = await answer.fetchNext(client.getHttpClient(ApiVersion.v2))
    }
    return rows
  },

  async pairs() {
    return pairs
  }
}

const answers = []
for (const [step, ...options] of told.steps) {
  try {
    answers.push(await steps[step](...options))
  } catch (error) {
    answers.push({ thrown: error.code, status: error.status, message: error.message })
  }
}
process.stdout.write(JSON.stringify(answers))
