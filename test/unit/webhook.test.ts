import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { isSigned, newsOf } from '../../src/adapters/github/webhook.ts';
import { AmpaError } from '../../src/errors.ts';
import { payloadsOf as of, WEBHOOK_EVENTS } from '../support/webhooks.ts';

describe("GitHub's webhooks", () => {
  it('are signed over the bytes that came, with our secret', () => {
    const body = Buffer.from('{"a":"ä"}');
    const signature = `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}`;
    assert.equal(isSigned('secret', body, signature), true);
    assert.equal(isSigned('secret', body, signature.toUpperCase().replace('SHA', 'sha')), true);
    for (const wrong of [undefined, '', 'sha256=', signature.slice(0, -1), signature.replace('sha256', 'sha1')])
      assert.equal(isSigned('secret', body, wrong), false, wrong);
    assert.equal(isSigned('other', body, signature), false);
    assert.equal(isSigned('secret', Buffer.from('{"a":"a"}'), signature), false);
    const empty = `sha256=${createHmac('sha256', '').update(body).digest('hex')}`;
    assert.equal(isSigned('', body, empty), false, 'no secret signs nothing');
  });

  for (const event of ['workflow_run', 'check_run', 'status', 'pull_request']) {
    it(`tell in every real ${event} which commit of which repository it is about`, () => {
      assert.ok(of(event).length > 0);
      for (const payload of of(event)) {
        const news = newsOf(event, payload)!;
        assert.match(news.repo, /^github\.com\/[\w.-]+\/[\w.-]+$/);
        assert.match(news.shas.join(), /^[0-9a-f]{40}$/);
        if (event === 'pull_request')
          assert.deepEqual(news.pullRequests, [(payload['pull_request'] as { number: number }).number]);
        const run = payload[event] as { status?: string };
        const ended =
          event === 'status'
            ? payload['state'] !== 'pending'
            : event === 'pull_request'
              ? ['closed', 'reopened'].includes(String(payload['action']))
              : run.status === 'completed';
        assert.equal(news.ended, ended);
      }
    });
  }

  it('of every other kind are news of nothing', () => {
    for (const name of WEBHOOK_EVENTS) {
      if (['workflow_run', 'check_run', 'status', 'pull_request'].includes(name)) continue;
      for (const payload of of(name)) assert.equal(newsOf(name, payload), null, name);
    }
    assert.equal(newsOf('no_such_event', {}), null);
  });

  it('that are not what GitHub sends are refused by name', () => {
    for (const payload of [null, [], {}, { repository: { html_url: 'x' } }, { ...of('check_run')[0], check_run: 1 }])
      assert.throws(
        () => newsOf('check_run', payload),
        (error: unknown) =>
          error instanceof AmpaError && error.code === 'usage' && /check_run event/.test(error.message),
      );
  });
});
