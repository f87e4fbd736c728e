import assert from 'node:assert/strict';
import {
  HOW_TO_ALLOW,
  labelOf,
  mayDecide,
  offered,
  routeOf,
  validateButtons,
} from '../../src/notifications/buttons.ts';

const blue = { type: 'button', label: 'Blue', custom_id: 'test_blue', style: 'primary' } as const;

describe('Buttons', () => {
  it('are none where the list is absent or empty', () => {
    for (const none of [undefined, null, []]) assert.deepEqual(validateButtons(none), { ok: true, buttons: [] });
  });

  it('are taken as they are where all are valid', () => {
    const list = [blue, { type: 'button', label: 'Red', custom_id: 'test_red' }];
    assert.deepEqual(validateButtons(list), { ok: true, buttons: list });
  });

  const wrong: [components: unknown, why: string][] = [
    ['blue', 'components must be a list'],
    [[blue, 'red'], 'component 2 is not an object'],
    [[{ ...blue, type: 'link' }], 'component 1 has type "link", and only "button" is known'],
    [[{ ...blue, type: undefined }], 'component 1 has type undefined, and only "button" is known'],
    [[{ ...blue, label: ' ' }], 'component 1 has no label'],
    [[{ ...blue, label: 'x'.repeat(81) }], 'component 1 has a label of 81 characters, and at most 80 fit'],
    [[{ ...blue, custom_id: 7 }], 'component 1 has no custom_id'],
    [[{ ...blue, custom_id: 'x'.repeat(101) }], 'component 1 has a custom_id of 101 characters, and at most 100 fit'],
    [
      [{ ...blue, style: 'link' }],
      'component 1 has style "link", which is none of primary, secondary, success, danger',
    ],
    [[{ ...blue, url: 'https://x' }], 'component 1 has "url", which is none of type, label, custom_id, style'],
    [[blue, blue], 'component 2 has the custom_id of another one'],
    [Array.from({ length: 26 }, () => blue), 'components are 26, and at most 25 fit'],
  ];
  for (const [components, why] of wrong) {
    it(`are refused whole: ${why}`, () => assert.deepEqual(validateButtons(components), { ok: false, why }));
  }

  const routes: [customId: string, route: object | null][] = [
    ['prompt:P1:yes', { to: 'prompt', id: 'P1', choice: 'yes' }],
    ['prompt:P1:a:b', { to: 'prompt', id: 'P1', choice: 'a:b' }],
    ['task:T1:continue', { to: 'task', id: 'T1', action: 'continue' }],
    ['test_blue', { to: 'test' }],
    ['prompt:P1', null],
    ['prompt::yes', null],
    ['task:T1:', null],
    ['blue', null],
    ['', null],
  ];
  for (const [customId, route] of routes) {
    it(`of id ${JSON.stringify(customId)} lead ${route === null ? 'nowhere' : 'where they say'}`, () =>
      assert.deepEqual(routeOf(customId), route));
  }

  it('that decide are offered only where somebody may', () => {
    const yes = { type: 'button', label: 'Yes', custom_id: 'prompt:P:yes' } as const;
    assert.deepEqual(offered([blue, yes], ['1']), { buttons: [blue, yes], note: null });
    assert.deepEqual(offered([blue, yes], []), { buttons: [blue], note: HOW_TO_ALLOW });
    assert.deepEqual(offered([blue], []), { buttons: [blue], note: null });
  });

  it('decide for a user or a role that is named', () => {
    const person = { id: 'u', roles: ['r', 's'] };
    assert.ok(mayDecide(['u'], person));
    assert.ok(mayDecide(['x', 's'], person));
    assert.ok(!mayDecide(['x'], person));
    assert.ok(!mayDecide([], person));
  });

  it('whose label cannot be read have one for people', () => {
    assert.deepEqual(['test_blue', 'prompt:P:yes', 'task:T:abort'].map(labelOf), ['Blue', 'Yes', 'Abort']);
  });
});
