/** The report page as built: with what a night may bring, in every theme and width, by keyboard. */
import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import type { ReportHostMessage, ReportPageMessage } from '../../src/webview/reportProtocol.ts';
import { launchBrowser } from '../host/workbench.ts';
import { REPORTS } from '../support/reports.ts';
import { inEveryDress, openBuilt, picture, type OpenPage } from './harness.ts';

type Open = OpenPage<ReportPageMessage, ReportHostMessage>;

describe('The report page', () => {
  let browser: Browser;
  let open: Open | undefined;
  before(async () => {
    browser = await launchBrowser();
  });
  afterEach(async () => {
    await open?.close();
    open = undefined;
  });
  after(() => browser.close());

  async function show(name: string): Promise<Open> {
    const report = REPORTS[name]!;
    const folder = 'file:///home/me/demo-shop';
    const memory = { folder, range: report.range };
    const it: Open = await openBuilt(browser, 'report', { folder }, { memory, timeZone: 'UTC' });
    await it.post({ type: 'report', report });
    return it;
  }
  const actions = async (it: Open) =>
    (await it.sent()).flatMap((sent) => (sent.type === 'action' ? [sent.action] : []));

  for (const name of Object.keys(REPORTS)) {
    it(`is drawn in every theme and width: ${name}`, async () => {
      open = await show(name);
      const { page, problems } = open;
      // 500 px is the same as 1000 px at 200 %.
      await inEveryDress(open, [1000, 500, 320], async (theme, width) => {
        const sizes = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          const buttons = [...document.querySelectorAll('button, a')];
          const nameless = buttons.filter((it) => !(it.textContent?.trim() || it.getAttribute('aria-label')));
          const plots = [...document.querySelectorAll('svg:not([aria-hidden])')];
          const silent = plots.filter((it) => it.getAttribute('role') !== 'img' || !it.getAttribute('aria-label'));
          return { over: scrollWidth - clientWidth, bad: [...nameless, ...silent].map((it) => it.outerHTML) };
        });
        assert.ok(sizes.over <= 0, `${theme} ${width}: ${sizes.over} px too wide`);
        assert.deepEqual(sizes.bad, [], 'every control and every plot says what it is');
        await picture(page, `report-${name}-${theme}-${width}`);
        assert.deepEqual(await problems(), [], `${theme} ${width}`);
      });
    });
  }

  it('says first what failed, and leads to each output and task', async () => {
    open = await show('night');
    const { page } = open;
    assert.equal(
      await page.locator('.lead span:not(.icon)').innerText(),
      '1 command failed and 2 tasks need you in the last 24 hours. 2 commands failed and recovered.',
    );
    const rows = await page.locator('.failures li .failure').allInnerTexts();
    assert.match(rows[0]!, /^Nightly lint failed with exit code 2 at 06:51, and once before$/);
    assert.match(rows.at(-1)!, /working again since/);
    await page.getByRole('button', { name: 'Output of Nightly lint' }).click();
    await page.getByRole('button', { name: 'Task of Update the dependencies' }).click();
    await page.getByRole('button', { name: 'Heartbeat', exact: true }).click();
    assert.deepEqual(await actions(open), [
      { kind: 'output', command: 'lint', run: 'lint-1' },
      { kind: 'task', task: 't23' },
      { kind: 'history', command: 'heartbeat' },
    ]);
    assert.ok((await page.locator('.forgotten title').allInnerTexts()).length > 0, 'a busy command has a short memory');
  });

  it('is used by keyboard, and asks for the range that was chosen', async () => {
    open = await show('night');
    const { page } = open;
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), '7 days');
    await page.keyboard.press('Enter');
    assert.deepEqual((await open.sent()).at(-1), { type: 'ready', range: 'week', timeZone: 'UTC' });
    // A report of the range that was left comes too late.
    await open.post({ type: 'report', report: REPORTS['good']! });
    assert.match(await page.locator('.lead span:not(.icon)').innerText(), /24 hours/);
    await open.post({ type: 'report', report: REPORTS['week']! });
    assert.match(await page.locator('.lead span:not(.icon)').innerText(), /7 days/);
    assert.equal(await page.getByRole('button', { name: '7 days' }).getAttribute('aria-pressed'), 'true');
    await page.keyboard.press('Tab');
    assert.match((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) ?? '', /^Output of/);
    assert.deepEqual(await page.evaluate(() => window.memory), { folder: 'file:///home/me/demo-shop', range: 'week' });
  });

  it('shows more lanes when somebody asks, and says what went wrong', async () => {
    open = await show('many');
    const { page } = open;
    assert.equal(await page.locator('.lane').count(), 20);
    await page.getByRole('button', { name: 'Show 40 more' }).click();
    assert.equal(await page.locator('.lane').count(), 60);
    await page.locator('.mark.bad').first().click();
    const [sent] = await actions(open);
    assert.equal(sent?.kind, 'output');
    await open.post({ type: 'done', id: 1, error: 'This run is forgotten' });
    assert.equal(await page.getByRole('alert').locator('.notice-body').innerText(), 'This run is forgotten');
    await open.post({ type: 'failed', error: 'The store is gone' });
    await page.getByRole('button', { name: 'Try Again' }).click();
    assert.equal((await open.sent()).at(-1)?.type, 'ready');
    await open.post({ type: 'report', report: REPORTS['many']! });
    assert.equal(await page.getByText('The store is gone').count(), 0);
  });

  it('invites whoever has an empty folder', async () => {
    open = await show('empty');
    await open.page.getByRole('button', { name: 'Add Scheduled Command…' }).click();
    await open.page.getByRole('button', { name: 'Start Task…' }).click();
    assert.deepEqual(await actions(open), [{ kind: 'addCommand' }, { kind: 'startTask' }]);
  });
});
