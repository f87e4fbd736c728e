/** The task page as built: in every state and theme, with hostile input, by keyboard. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { root } from '../host/server.ts';
import { launchBrowser } from '../host/workbench.ts';
import { CASES, NOW, task } from '../support/taskPages.ts';
import { buildPage } from '../../src/webview/model.ts';
import type { PageMessage, Watch } from '../../src/webview/protocol.ts';
import { inEveryDress, openPage, picture, type OpenPage } from './harness.ts';

describe('The task page', () => {
  let browser: Browser;
  let open: OpenPage | undefined;
  before(async () => {
    browser = await launchBrowser();
  });
  afterEach(async () => {
    await open?.close();
    open = undefined;
  });
  after(() => browser.close());

  for (const [name, it_] of Object.entries(CASES)) {
    it(`is drawn in every theme and width: ${name}`, async () => {
      open = await openPage(browser, it_);
      const { page, problems } = open;
      await inEveryDress(open, [1000, 320], async (theme, width) => {
        assert.equal(await page.locator('h1').innerText(), it_.detail.task.title);
        const sizes = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          const buttons = [...document.querySelectorAll('button, a, textarea')].filter(
            (it) => it.getClientRects().length > 0,
          );
          const nameless = buttons.filter((it) => !(it.textContent?.trim() || it.getAttribute('aria-label')));
          return { over: scrollWidth - clientWidth, nameless: nameless.map((it) => it.outerHTML) };
        });
        assert.ok(sizes.over <= 0, `${theme} ${width}: ${sizes.over} px too wide`);
        assert.deepEqual(sizes.nameless, [], 'every control has a name');
        await picture(page, `task-${name}-${theme}-${width}`);
        assert.deepEqual(await problems(), [], `${theme} ${width}`);
      });
    });
  }

  it('shows the failing line, the exact command and the next step', async () => {
    open = await openPage(browser, CASES['review']!);
    assert.match(await open.page.locator('.excerpt').innerText(), /95\.00000000000001 !== 95/);
    await open.page.locator('.notice').getByRole('button', { name: 'Continue' }).click();
    await open.close();
    open = await openPage(browser, CASES['prompt']!);
    assert.equal(
      await open.page.locator('.prompt .detail').innerText(),
      'npm install --save-dev fast-check@4.10.2 && node --test',
    );
    await open.page.getByRole('button', { name: 'Refuse', exact: true }).click();
    const actions = (await open.sent()).flatMap((it) => (it.type === 'action' ? [it.action] : []));
    assert.deepEqual(actions, [{ kind: 'answerPrompt', id: 'p1', response: 'reject' }]);
  });

  it('says how much has changed, in all and in each file, when it ended and what it cost', async () => {
    open = await openPage(browser, CASES['success']!);
    const { page } = open;
    const facts = (await page.locator('.facts dd').allInnerTexts()).map((it) => it.replace(/\s+/g, ' '));
    assert.ok(
      facts.some((it) => /^5 files \+1,332 lines added −215 lines deleted$/.test(it)),
      facts.join(' | '),
    );
    assert.ok(
      facts.some((it) => it.startsWith('ended ')),
      facts.join(' | '),
    );
    assert.ok(facts.includes('$1.27'));
    const file = page.locator('.file').filter({ hasText: 'test' }).locator('.lines');
    assert.equal((await file.innerText()).replace(/\s+/g, ' '), '+18 lines added −1 lines deleted');
  });

  it('shows a whole question, what rules have answered, and takes an answer in words', async () => {
    open = await openPage(browser, CASES['question']!);
    const { page } = open;
    const box = page.locator('.prompt');
    await box.locator('strong').getByText('exactly 100 euros').waitFor();
    assert.match(
      await box.locator('.hint').innerText(),
      /projects\.me\/demo-shop\.overrides\.question \(discuss-options\) leaves the answer to you/,
    );
    assert.equal(await box.locator('.recommended').count(), 1);
    await box.getByText('Earlier conversation (2)').click();
    await box.getByText('keeps what customers know').waitFor();
    assert.match(
      await page.locator('.answered').innerText(),
      /by a rule \(auto-accept, by default\): nobody was asked/,
    );
    assert.match(await page.locator('.answered').innerText(), /Use what is there by mia \(Discord\)/);
    await box.getByRole('button', { name: 'The discount, as before' }).click();
    await open.post({ type: 'done', id: 1, error: 'This question was answered by mia (Discord) at 10:29' });
    await page.getByRole('alert').getByText('answered by mia').waitFor();
    await box.getByRole('textbox').fill('Only for members');
    await page.keyboard.press('Control+Enter');
    const actions = (await open.sent()).flatMap((it) => (it.type === 'action' ? [it.action] : []));
    assert.deepEqual(actions, [
      { kind: 'answerPrompt', id: 'p2', response: 'The discount, as before' },
      { kind: 'answerPrompt', id: 'p2', response: 'Only for members' },
    ]);
  });

  it('runs nothing of what an agent wrote, and loads nothing from anywhere', async () => {
    const hostile = [
      '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 2"><svg onload="window.pwned = 3"><a href="javascript:window.pwned=4">a</a>',
      '<iframe srcdoc="<script>parent.pwned=5</script>"></iframe><style>body{display:none}</style><form action="https://evil.test"><input></form>',
      '[click](javascript:window.pwned=6) [data](data:text/html,<script>1</script>) [cmd](command:workbench.action.quit) ![i](https://evil.test/pixel.png)',
      '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.pwned=7&gt;">',
      '<details open ontoggle="window.pwned = 8"><summary>s</summary>b</details> <b style="position:fixed" class="notice" id="root">x</b> <base href="https://evil.test/">',
      '`<script>` and [a web page](https://example.com/?a=1&b="2")',
    ];
    const entries = hostile.map((text) => ({ at: '', kind: 'text' as const, text: `${text}\n\n` }));
    open = await openPage(browser, {
      ...CASES['running']!,
      detail: {
        ...CASES['running']!.detail,
        task: task({ title: '<img src=x onerror=pwned=9>', request: hostile[0] }),
      },
      changes: [
        { kind: 'conversation', attempt: 1, entries, restart: true },
        { kind: 'log', attempt: 1, text: hostile.join('\n'), restart: true },
      ],
    });
    const found = await open.page.evaluate(() => {
      const box = document.querySelector('.conversation');
      const all = [...(box?.querySelectorAll('.markdown *') ?? [])];
      return {
        pwned: 'pwned' in window,
        elements: all
          .map((it) => it.localName)
          .filter((name) =>
            ['script', 'img', 'svg', 'iframe', 'style', 'form', 'input', 'base', 'math'].includes(name),
          ),
        attributes: [...new Set(all.flatMap((it) => it.getAttributeNames()))],
        links: all.filter((it) => it.localName === 'a').map((it) => it.getAttribute('href')),
        title: document.querySelector('h1')?.textContent,
      };
    });
    assert.equal(found.pwned, false);
    assert.deepEqual(found.elements, []);
    assert.deepEqual(
      found.attributes.filter((name) => name !== 'href'),
      [],
    );
    for (const link of found.links) assert.ok(link === null || /^https?:/.test(link), link ?? '');
    assert.equal(found.title, '<img src=x onerror=pwned=9>');
    assert.deepEqual(await open.problems(), [], 'not even the policy had to step in');
    await open.page.getByRole('link', { name: 'a web page' }).click();
    const sent = (await open.sent()).findLast((it) => it.type === 'action');
    assert.deepEqual(sent?.type === 'action' && sent.action, {
      kind: 'openExternal',
      url: 'https://example.com/?a=1&b=%222%22',
    });
    assert.equal(open.page.url(), 'http://page.test/');
  });

  it('draws a huge answer and a megabyte of log without hanging', async () => {
    open = await openPage(browser, CASES['command']!);
    const cdp = await open.page.context().newCDPSession(open.page);
    // Of the processor, not of the clock: that also runs while other suites have it.
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
    const computed = async (): Promise<number> =>
      (await cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration')!.value;
    const before = await computed();
    const text = `${'*'.repeat(5000)}${'['.repeat(5000)}${'> '.repeat(2000)}${'a_b '.repeat(40_000)}`;
    await open.post({
      type: 'delta',
      seq: 2,
      changes: [
        { kind: 'conversation', attempt: 1, entries: [{ at: '', kind: 'text', text }], restart: false },
        { kind: 'log', attempt: 1, text: `${'x'.repeat(79)}\n`.repeat(13_107), restart: true },
      ],
    });
    const took = (await computed()) - before;
    assert.ok(took < 2, `${took.toFixed(2)} s`);
    assert.deepEqual(await open.problems(), []);
  });

  it('follows the log unless somebody has scrolled up', async () => {
    open = await openPage(browser, CASES['command']!);
    const { page } = open;
    const away = (): Promise<number> =>
      page.locator('.log').evaluate((it) => it.scrollHeight - it.scrollTop - it.clientHeight);
    const print = (seq: number): Promise<void> =>
      open!.post({
        type: 'delta',
        seq,
        changes: [{ kind: 'log', attempt: 1, text: 'more\n'.repeat(50), restart: false }],
      });
    assert.ok((await away()) < 2);
    await print(2);
    assert.ok((await away()) < 2);
    await page.locator('.log').evaluate((it) => (it.scrollTop = 0));
    await page.getByRole('button', { name: 'To the End' }).waitFor();
    await print(3);
    assert.equal(await page.locator('.log').evaluate((it) => it.scrollTop), 0);
    await page.getByRole('button', { name: 'To the End' }).click();
    await page.getByRole('button', { name: 'To the End' }).waitFor({ state: 'detached' });
    await print(4);
    assert.ok((await away()) < 2);
  });

  it('asks for a new snapshot when a delta is missing, and goes on from there', async () => {
    open = await openPage(browser, CASES['running']!);
    const ready = async (): Promise<number> => (await open!.sent()).filter((it) => it.type === 'ready').length;
    assert.equal(await ready(), 1);
    await open.post({ type: 'delta', seq: 3, changes: [] });
    assert.equal(await ready(), 2);
    await open.post({ type: 'delta', seq: 4, changes: [] });
    assert.equal(await ready(), 2, 'it asks once');
    await open.post({ type: 'snapshot', seq: 0, page: buildPage(CASES['success']!.detail, { state: 'unknown' }, NOW) });
    assert.match(await open.page.locator('.badge').innerText(), /Success/);
  });

  it('tells the host what is open, so that nothing else is streamed', async () => {
    open = await openPage(browser, CASES['retrying']!);
    const { page } = open;
    const watches = (expected: Watch) =>
      page.waitForFunction(
        (text) => JSON.stringify((window.sent as PageMessage[]).findLast((it) => it.type === 'watch')?.watch) === text,
        JSON.stringify(expected),
      );
    await watches({ conversations: [2], logs: [] });
    await page.getByRole('button', { name: 'Attempt 1' }).click();
    await page.locator('.attempt').nth(2).getByRole('button', { name: 'Log' }).click();
    await watches({ conversations: [2, 1], logs: [2] });
    await page.getByRole('button', { name: 'Attempt 1' }).click();
    await watches({ conversations: [2], logs: [2] });
  });

  it('keeps its draft, its open parts and its place', async () => {
    open = await openPage(browser, CASES['review']!, { height: 500 });
    await open.page.getByRole('button', { name: 'Request' }).click();
    await open.page.getByRole('textbox').fill('Round once');
    await open.page.evaluate(() => window.scrollTo(0, 300));
    await open.page.waitForFunction(() => (window.memory as { scroll: number }).scroll === 300);
    const memory = await open.page.evaluate(() => window.memory);
    await open.close();
    open = await openPage(browser, CASES['review']!, { height: 500, memory });
    assert.equal(await open.page.getByRole('textbox').inputValue(), 'Round once');
    assert.equal(await open.page.getByRole('button', { name: 'Request' }).getAttribute('aria-expanded'), 'false');
    // What is streamed in moves the rest: the browser keeps in place what it shows, not the number.
    const away = Math.abs((await open.page.evaluate(() => window.scrollY)) - 300);
    assert.ok(away < 20, `${away} px away`);
  });

  it('sends with Ctrl+Enter, keeps the words until they are taken, and shows what went wrong', async () => {
    open = await openPage(browser, CASES['review']!);
    const { page } = open;
    const box = page.getByRole('textbox');
    const last = async () => (await open!.sent()).findLast((it) => it.type === 'action');
    await box.fill('Round once');
    await box.press('Control+Enter');
    const first = await last();
    assert.deepEqual(first?.type === 'action' && first.action, { kind: 'continue', text: 'Round once' });
    await box.press('Control+Enter');
    assert.deepEqual(await last(), first, 'not twice');
    await open.post({ type: 'done', id: first?.type === 'action' ? first.id : -1, error: 'The database is busy' });
    assert.match(await page.getByRole('alert').innerText(), /The database is busy/);
    assert.equal(await box.inputValue(), 'Round once');
    await box.press('Control+Enter');
    const second = await last();
    await open.post({ type: 'done', id: second?.type === 'action' ? second.id : -1, error: null });
    assert.equal(await box.inputValue(), '');
    assert.equal(await page.getByRole('alert').count(), 0);
  });

  it('can be used by keyboard, and says what changes', async () => {
    open = await openPage(browser, CASES['retrying']!);
    const { page } = open;
    const names: string[] = [];
    for (let i = 0; i < 10; i++) {
      await page.keyboard.press('Tab');
      names.push(await page.evaluate(() => document.activeElement?.textContent ?? ''));
      const ring = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
      assert.equal(ring, 'solid', `${names.at(-1)} shows that it has the focus`);
    }
    assert.deepEqual(names.slice(0, 4), ['Diff', 'Worktree', 'Log', 'Abort']);
    await page.getByRole('button', { name: 'Attempt 1' }).focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.getByRole('button', { name: 'Attempt 1' }).getAttribute('aria-expanded'), 'true');
    assert.match(
      (await page.getByRole('img', { name: 'Attempt 1' }).getAttribute('aria-label')) ?? '',
      /agent 3 min 10 s, .*checks 27\.?\d* s \(red\)/,
    );
    assert.match(await page.getByRole('status').innerText(), /Retrying\. The checks were red/);
    await open.post({
      type: 'delta',
      seq: 2,
      changes: [{ kind: 'task', task: buildPage(CASES['success']!.detail, { state: 'unknown' }, NOW).task, now: NOW }],
    });
    assert.match(await page.getByRole('status').innerText(), /Success\. The checks are green/);
  });

  it('says why it cannot show a task, and tries again', async () => {
    open = await openPage(browser, CASES['running']!);
    await open.post({ type: 'failed', error: 'task "x" does not exist' });
    assert.match(await open.page.getByRole('alert').innerText(), /does not exist/);
    await open.page.getByRole('button', { name: 'Try Again' }).click();
    assert.equal((await open.sent()).at(-1)?.type, 'ready');
  });

  it('is small', () => {
    const size = fs.statSync(path.join(root, 'dist/webview/taskPage.js')).size;
    assert.ok(size < 140 * 1024, `${Math.round(size / 1024)} KB`);
  });
});
